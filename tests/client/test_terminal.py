"""`youku` as a process: pipes, signals, and what people see on a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from client_cli import text
from tests.client.command import YOUKU, Command, environment_of, on_a_terminal
from tests.client.peer import Peer
from tests.client.talk import HangUp
from youku_evloop.errors import ExitCode

DATA = b"moving pictures" * 10_000


def test_a_reader_that_has_enough_is_no_error(peer: Peer, tmp_path: Path) -> None:
    for number in range(50):
        peer.add_movie(b"x", f"Movie {number} " + "x" * 150)
    environment = environment_of(tmp_path, peer)
    reading, writing = os.pipe()
    with subprocess.Popen([*YOUKU, "list"], env=environment, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(reading)
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_interrupted_transfer_says_how_to_go_on(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(DATA)
    process = subprocess.Popen(
        [*YOUKU, "upload", "a.avi", "--limit-rate", "20k"],
        env=environment_of(tmp_path, peer),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def interrupt(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.write":
            process.send_signal(signal.SIGINT)

    peer.before = interrupt
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert said == b"youku: Stopped. Repeat the same command: it goes on where this one was.\n"


def test_what_others_wrote_cannot_steer_a_terminal_and_is_as_it_was_in_json(peer: Peer, tmp_path: Path) -> None:
    title = "rtl \u202eiva.exe \x9b2J"
    peer.add_movie(DATA, title)
    environment = environment_of(tmp_path, peer)
    for words in (["list"], ["show", "1"], ["search", "rtl"], ["list", "--quiet"], ["show", "\u202e\x9b2J"]):
        screen = on_a_terminal(*words, environment=environment, directory=tmp_path)
        assert not {"\u202e", "\x9b"} & set(screen.text), words
    shown = json.loads(on_a_terminal("show", "1", "--json", environment=environment, directory=tmp_path).text)
    assert shown["movie"]["name"] == title


def test_people_see_tables_that_fit(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "很长的标题 " * 15)
    for columns in (80, 200):
        screen = on_a_terminal("list", environment=environment_of(tmp_path, peer), directory=tmp_path, columns=columns)
        assert "146.5 KiB" in screen.text
        assert all(text.width(line) <= columns for line in screen.lines)
    assert screen.code == 0


def test_people_are_asked_before_something_is_deleted(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA)
    environment = environment_of(tmp_path, peer)
    refused = on_a_terminal("delete", "1", environment=environment, directory=tmp_path, typed=[("[y/N]", "n")])
    assert "Delete movie 1, 'A movie.avi' (146.5 KiB)? [y/N]" in refused.text
    assert refused.code == ExitCode.INTERRUPTED
    assert list(peer.movies) == [1]
    assert on_a_terminal("delete", "1", environment=environment, directory=tmp_path, typed=[("[y/N]", "y")]).code == 0
    assert peer.movies == {}


def test_an_upload_is_thrown_away_after_a_yes(peer: Peer, tmp_path: Path) -> None:
    peer.uploads["u1"] = {"id": "u1", "name": "a.avi", "size": 9, "state": "receiving", "movie": None}
    peer.parts["u1"] = bytearray()
    peer.uploads["u1"] |= {"create_time": "2026-11-21T08:15:30Z", "expire_time": "2026-11-28T08:15:30Z"}
    environment = environment_of(tmp_path, peer)
    nobody = subprocess.run(
        [*YOUKU, "uploads", "cancel", "u1"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert nobody.returncode == ExitCode.USAGE
    assert nobody.stderr == "youku: This needs a yes, and nobody is here to ask: add --yes.\n"
    for answer, left in (("n", ["u1"]), ("y", [])):
        on_a_terminal("uploads", "cancel", "u1", environment=environment, directory=tmp_path, typed=[("[y/N]", answer)])
        assert list(peer.uploads) == left


def test_people_type_a_new_password_twice_and_unseen(peer: Peer, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, peer)
    differing = on_a_terminal(
        "register",
        "alice",
        environment=environment,
        directory=tmp_path,
        typed=[("password for alice", "first try"), ("again", "second")],
    )
    assert differing.code == ExitCode.USAGE
    assert "differ" in differing.text
    assert "first" not in differing.text
    assert peer.accounts == {}
    typed = [("password for alice", "correct horse"), ("again", "correct horse")]
    assert on_a_terminal("register", "alice", environment=environment, directory=tmp_path, typed=typed).code == 0
    assert "alice" in peer.accounts


def test_people_see_a_bar(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(DATA)
    limit = ("--limit-rate", "300k")
    screen = on_a_terminal("upload", "a.avi", *limit, environment=environment_of(tmp_path, peer), directory=tmp_path)
    assert screen.code == 0
    assert re.search(r"a\.avi .* [1-9]\d?% .* / 146\.5 KiB", "\n".join(screen.lines))


def test_results_stand_above_the_bars(peer: Peer, tmp_path: Path) -> None:
    for name, size in (("small.avi", 1000), ("large.avi", 150_000)):
        (tmp_path / name).write_bytes(os.urandom(size))
    arguments = ("upload", "small.avi", "large.avi", "--jobs", "2", "--limit-rate", "300k")
    screen = on_a_terminal(*arguments, environment=environment_of(tmp_path, peer), directory=tmp_path)
    assert screen.code == 0
    assert [line for line in screen.lines if line.split("\r")[-1].strip() == "1  small.avi  (1000 B)"], screen.lines


def test_colours_can_be_switched_off(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA)
    environment = {**environment_of(tmp_path, peer), "NO_COLOR": "1"}
    assert "\x1b[3" not in on_a_terminal("list", environment=environment, directory=tmp_path).text


def test_a_lost_answer_to_a_deletion_is_not_taken_for_one(command: Command, peer: Peer) -> None:
    def hang_up(op: str, arguments: dict[str, Any]) -> None:
        if op == "movie.delete":
            raise HangUp

    peer.add_movie(DATA)
    peer.before = hang_up
    assert command("delete", "1", "--yes").code == ExitCode.TEMPORARY


def test_names_that_are_no_text_can_be_sent_and_shown(command: Command, peer: Peer) -> None:
    odd = os.fsdecode(b"caf\xe9.avi")
    Path(odd).write_bytes(DATA)
    assert command("upload", odd, "--json").document["uploaded"][0]["path"] == "caf\ufffd.avi"
    Path(odd).unlink()
    assert command("download", "1", "-o", odd, "--json").document["downloaded"][0]["path"] == "caf\ufffd.avi"
    assert Path(odd).read_bytes() == DATA


def test_json_is_json_in_any_encoding(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "电影 🎬")
    environment = {**environment_of(tmp_path, peer), "PYTHONIOENCODING": "ascii"}
    for form in ("--json", "--json-lines"):
        assert "🎬" in str(json.loads(subprocess.check_output([*YOUKU, "list", form], env=environment)))
    assert b"\\u7535" in subprocess.check_output([*YOUKU, "list"], env=environment)


def test_a_full_disk_behind_standard_output_is_one_line(peer: Peer, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*YOUKU, "whoami"], env=environment_of(tmp_path, peer), stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr == b"youku: Standard output: No space left on device.\n"


def test_youku_alone_shows_its_help(command: Command) -> None:
    said = command()
    assert said.code == 0
    assert "Commands:" in said.out


def test_a_narrow_terminal_loses_a_column_before_an_id(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "A title of some length", uploader="a" * 32, is_free=False, price=2000, vip_price=1000)
    environment = environment_of(tmp_path, peer)
    wide = on_a_terminal("list", environment=environment, directory=tmp_path, columns=120).lines
    narrow = on_a_terminal("list", environment=environment, directory=tmp_path, columns=60).lines
    assert "VIP" in wide[0] and "BY" in wide[0] and "a" * 32 in wide[1]
    assert "VIP" in narrow[0] and "BY" not in narrow[0]
    assert all(text.width(line) <= 60 for line in narrow)
    tiny = on_a_terminal("list", environment=environment, directory=tmp_path, columns=20).lines
    assert tiny[1].split()[:2] == ["1", "146.5"]


def test_a_terminal_of_another_encoding_sees_straight_tables(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "很长的标题 " * 15)
    environment = {**environment_of(tmp_path, peer), "PYTHONIOENCODING": "latin-1"}
    screen = on_a_terminal("list", environment=environment, directory=tmp_path)
    assert "\\u5f88" in screen.lines[1]
    assert all(len(line) <= 80 for line in screen.lines)


def test_a_terminal_that_cannot_draw_gets_lines(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(DATA)
    environment = {**environment_of(tmp_path, peer), "TERM": "dumb"}
    screen = on_a_terminal("upload", "a.avi", environment=environment, directory=tmp_path)
    assert screen.text == "1  a.avi  (146.5 KiB)\n"


def test_ctrl_c_while_it_starts_is_no_traceback(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")  # as if it had come during this import
    environment = environment_of(tmp_path, peer)
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    done = subprocess.run([*YOUKU, "list"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "youku: Stopped.\n")
