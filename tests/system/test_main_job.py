"""The main job: a video goes up, whatever happens on the way, and comes down bit for bit the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from tests.support.proxy import Proxy
from tests.support.server import CHECKOUT, PROGRAMS, Person, RunningServer, eventually, finish, plain_environment, run
from tests.system.conftest import MakeFile
from youku_evloop.errors import ExitCode

MIB: Final = 1024 * 1024
SIZE: Final = 8 * MIB
HALF: Final = SIZE // 2
FRAMES: Final = 64 * 1024
"""More than the frames of any conversation here have, without the bodies."""


def through(proxy: Proxy, person: Person) -> dict[str, str]:
    """The environment in which the person goes through the proxy."""
    return {"YOUKU_SERVER": proxy.address, "YOUKU_TOKEN": person.token}


def halfway(proxy: Proxy, person: Person, *command: str | Path, **bytes_through: int) -> subprocess.Popen[str]:
    """A command at work through the proxy, which holds back what comes after so many bytes, `up` or `down`."""
    proxy.hold_next(**bytes_through)
    process = person.start(*command, **through(proxy, person))
    proxy.line(0).until_held()
    return process


def held(person: Person, video: Path) -> int:
    """Bytes that the server has of the unfinished upload of the video."""
    uploads = person.do("uploads")["uploads"]
    return max((upload["offset"] for upload in uploads if upload["name"] == video.name), default=0)


def published(person: Person, video: Path) -> dict[str, Any] | None:
    """The movie of the video's name."""
    movies = person.do("list", "--limit", "0")["movies"]
    return next((movie for movie in movies if movie["name"] == video.name), None)


def assert_is(movie: dict[str, Any], video: Path, person: Person) -> None:
    """Download the movie, as that person, and compare it with the video."""
    copy = person.home / f"copy-of-{movie['id']}"
    done = person.do("download", str(movie["id"]), "-o", copy)["downloaded"]
    assert done[0]["path"] == str(copy)
    assert copy.read_bytes() == video.read_bytes()


def test_a_real_video_goes_up_and_comes_down_bit_for_bit_the_same(
    server: RunningServer, admin: Person, user: Person, tmp_path: Path
) -> None:
    video = tmp_path / "holiday.avi"
    made = run([sys.executable, str(CHECKOUT / "scripts" / "make_video.py"), str(video), "--size", "8M"], {})
    assert made.code == 0, made
    document = admin.do("upload", video, "--title", "Our holiday", "--description", "In the mountains.")
    movie = document["uploaded"][0]["movie"]
    assert document["failed"] == []
    assert movie["size"] == video.stat().st_size
    assert movie["hash"] == blake3(video.read_bytes()).hexdigest()
    shown = user.do("show", str(movie["id"]))["movie"]
    assert (shown["name"], shown["description"], shown["uploader"]) == ("Our holiday", "In the mountains.", "alice")
    assert movie["id"] in [listed["id"] for listed in user.do("list", "--limit", "0")["movies"]]
    assert_is(movie, video, user)


def test_an_upload_goes_on_by_itself_when_the_connection_drops(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, "--json", up=HALF)
        proxy.line(0).cut()
        outcome = finish(process)
        sent = [line.up for line in proxy.lines]
    movie = outcome.document["uploaded"][0]["movie"]
    assert "Trying again" in outcome.stderr
    assert len(sent) == 2
    assert sum(sent) < SIZE + FRAMES, "bytes were sent twice"
    assert_is(movie, video, user)


def test_an_upload_that_was_cut_goes_on_when_the_command_is_repeated(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, "--json", "--retry", "0", up=HALF)
        proxy.line(0).cut()
        outcome = finish(process)
        assert outcome.code == ExitCode.TEMPORARY
        assert outcome.error["error"] == "unreachable"
        before = held(admin, video)
        assert HALF - FRAMES < before <= HALF
        again = admin.do("upload", video, **through(proxy, admin))
        assert proxy.lines[1].up < SIZE - before + FRAMES, "what the server held was sent again"
    assert_is(again["uploaded"][0]["movie"], video, user)
    assert held(admin, video) == 0


def test_an_upload_whose_client_was_killed_goes_on_under_another_name_from_another_place(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, up=HALF)
        process.kill()
        finish(process)
        proxy.line(0).cut()
        before = held(admin, video)
        renamed = video.rename(video.with_name(f"renamed-{video.name}"))
        elsewhere = server.somebody("alice-elsewhere")
        movie = elsewhere.do("upload", renamed, **through(proxy, admin))["uploaded"][0]["movie"]
        assert proxy.lines[1].up < SIZE - before + FRAMES, "what the server held was sent again"
    assert movie["name"] == renamed.name
    assert_is(movie, renamed, user)


def test_an_upload_outlives_a_killed_server(own_server: RunningServer, make_file: MakeFile) -> None:
    admin = own_server.create_admin("alice")
    video = make_file(SIZE)
    with Proxy(own_server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, "--json", up=HALF)
        eventually(lambda: held(admin, video) > HALF - FRAMES, "the server has what came through")
        own_server.kill()
        own_server.start()
        before = held(admin, video)
        assert before > HALF - FRAMES, "acknowledged bytes were lost"
        assert published(admin, video) is None
        proxy.line(0).cut()
        outcome = finish(process)
        assert proxy.lines[-1].up < SIZE - before + FRAMES, "what the server held was sent again"
    user = own_server.register("bob")
    assert_is(outcome.document["uploaded"][0]["movie"], video, user)


def test_a_download_goes_on_by_itself_when_the_connection_drops(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video, copy = make_file(SIZE), user.home / "dropped.avi"
    movie = admin.do("upload", video)["uploaded"][0]["movie"]
    with Proxy(server.address) as proxy:
        process = halfway(proxy, user, "download", str(movie["id"]), "-o", copy, "--json", down=HALF)
        proxy.line(0).cut()
        outcome = finish(process)
        received = [line.down for line in proxy.lines]
    assert outcome.code == ExitCode.OK, outcome
    assert sum(received) < SIZE + FRAMES, "bytes came twice"
    assert copy.read_bytes() == video.read_bytes()


def test_a_download_that_was_interrupted_goes_on_when_the_command_is_repeated(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video, copy = make_file(SIZE), user.home / "interrupted.avi"
    movie = str(admin.do("upload", video)["uploaded"][0]["movie"]["id"])
    with Proxy(server.address) as proxy:
        process = halfway(proxy, user, "download", movie, "-o", copy, "--json", "--retry", "0", down=HALF)
        proxy.line(0).cut()
        assert finish(process).code == ExitCode.TEMPORARY
        assert not copy.exists(), "only what is whole has the name"
        before = (user.home / "interrupted.avi.part").stat().st_size
        assert 0 < before <= HALF
        again = user.do("download", movie, "-o", copy, **through(proxy, user))["downloaded"][0]
        assert again["resumed_from"] == before
        assert proxy.lines[1].down < SIZE - before + FRAMES, "what was here came again"
    assert copy.read_bytes() == video.read_bytes()
    assert user.do("download", movie, "-o", copy)["downloaded"][0]["was_there"]


def test_a_download_outlives_a_killed_server(own_server: RunningServer, make_file: MakeFile) -> None:
    admin = own_server.create_admin("alice")
    video, copy = make_file(SIZE), admin.home / "copy.avi"
    movie = str(admin.do("upload", video)["uploaded"][0]["movie"]["id"])
    with Proxy(own_server.address) as proxy:
        process = halfway(proxy, admin, "download", movie, "-o", copy, "--json", down=HALF)
        own_server.kill()
        own_server.start()
        proxy.line(0).cut()
        outcome = finish(process)
        assert sum(line.down for line in proxy.lines) < SIZE + FRAMES, "bytes came twice"
    assert outcome.code == ExitCode.OK, outcome
    assert copy.read_bytes() == video.read_bytes()


def test_one_who_stops_an_upload_is_told_how_to_go_on_and_can(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, "--json", up=HALF)
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
        proxy.line(0).cut()
        assert outcome.code == ExitCode.INTERRUPTED
        assert "Repeat the same command" in outcome.error["message"]
        before = held(admin, video)
        admin.do("upload", video, **through(proxy, admin))
        assert proxy.lines[1].up < SIZE - before + FRAMES, "what the server held was sent again"


def test_a_file_that_changes_while_it_is_uploaded_is_never_published(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(server.address) as proxy:
        process = halfway(proxy, admin, "upload", video, "--json", up=HALF)
        with open(video, "r+b") as file:
            file.write(b"other bytes")
        proxy.line(0).let_go()
        outcome = finish(process)
    assert outcome.code == ExitCode.INTEGRITY
    assert "changed" in outcome.error["message"]
    assert published(admin, video) is None
    assert held(admin, video) == 0


def test_several_files_go_up_with_one_command_and_each_is_answered_for(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    good, empty, also_good = make_file(1000), make_file(0), make_file(2000)
    outcome = admin.run("upload", good, empty, also_good, "--json")
    assert outcome.code == ExitCode.USAGE
    assert published(admin, good) and published(admin, also_good) and not published(admin, empty)


def test_a_machine_that_was_switched_off_keeps_what_was_durable(
    own_server: RunningServer, execute: Callable[..., Any], make_file: MakeFile
) -> None:
    admin = own_server.create_admin("alice")
    content = make_file(SIZE).read_bytes()
    create: dict[str, Any] = {"name": "x", "size": SIZE, "fingerprint": "0" * 64}
    with admin.wire() as wire:
        upload = wire.ask("upload.create", **create)["upload"]
        wire.ask("upload.write", body=content[:HALF], upload=upload, offset=0)
    own_server.kill()
    execute(own_server, "UPDATE upload SET boot_id = ?, durable_offset = ?", ["another start of the machine", MIB])
    own_server.start()
    with admin.wire() as wire:
        again = wire.ask("upload.create", **create)
        assert (again["upload"], again["offset"]) == (upload, MIB)
        wire.ask("upload.write", body=content[MIB:], upload=upload, offset=MIB)
        digest = blake3(content).hexdigest()
        movie = wire.ask("upload.finish", upload=upload, hash=digest)["movie"]
        read = wire.ask("movie.read", movie=movie["id"])
        assert wire.read(read["body"]) == content


def test_the_programs_are_the_ones_that_people_install(tmp_path: Path) -> None:
    for name in ("youku", "youku-server"):
        outcome = run([str(PROGRAMS / name), "--version"], plain_environment(tmp_path))
        assert outcome.code == ExitCode.OK
        assert outcome.stdout.startswith(name)
