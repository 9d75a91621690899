"""The small parts of the client: pace, retries, names, words, hashes, remembered sessions."""

from __future__ import annotations

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from client_cli import text
from client_cli.hashing import RunningHash
from client_cli.names import file_name_from, title_from
from client_cli.pace import Pacer, parse_rate
from client_cli.retry import LONGEST_DELAY, Retry, is_temporary
from client_cli.sessions import SessionFile
from client_cli.state import state_directory
from youku_evloop.errors import BadRequest, NotFound, TimedOut, Unreachable, WrongOffset


class FakeTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.mark.parametrize(
    ("words", "rate"), [("5000", 5000), ("500k", 512_000), ("2.5M", 2_621_440), ("1G", 1024**3), (" 2K ", 2048)]
)
def test_rates_are_read(words: str, rate: int) -> None:
    assert parse_rate(words) == rate


@pytest.mark.parametrize("words", ["", "k", "fast", "1T", "-1M", "0", "1k", "inf", "nan", "1 000 M"])
def test_what_is_no_rate_is_a_usage_error(words: str) -> None:
    with pytest.raises(BadRequest):
        parse_rate(words)


@given(sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=50), rate=st.integers(2048, 10**8))
def test_a_limited_transfer_takes_its_time(sizes: list[int], rate: int) -> None:
    time = FakeTime()
    pacer = Pacer(rate, time.clock, time.sleep)
    for size in sizes:
        pacer.spend(size)
    assert time.now - 100 == pytest.approx(sum(sizes) / rate)


def test_a_stall_is_not_made_up_for_by_a_burst() -> None:
    time = FakeTime()
    pacer = Pacer(1000, time.clock, time.sleep)
    time.now += 3600
    pacer.spend(1000)
    assert time.now - 3700 == pytest.approx(0.95)


def test_without_a_limit_nobody_sleeps() -> None:
    time = FakeTime()
    Pacer(None, time.clock, time.sleep).spend(10**12)
    assert time.now == 100


def test_pauses_grow_and_end() -> None:
    slept: list[float] = []
    retry = Retry(12, sleep=slept.append, jitter=lambda: 1.0)
    error = Unreachable("Gone.")
    for _ in range(12):
        retry.pause(error)
    assert slept == [0.5, 1, 2, 4, 8, 16, *[LONGEST_DELAY] * 6]
    with pytest.raises(Unreachable) as caught:
        retry.pause(error)
    assert caught.value is error


def test_progress_makes_the_next_failure_the_first() -> None:
    slept: list[float] = []
    retry = Retry(1, sleep=slept.append, jitter=lambda: 0.0)
    for _ in range(5):
        retry.pause(Unreachable("Gone."))
        retry.progressed()
    assert slept == [0.25] * 5


def test_only_what_passes_by_itself_is_temporary() -> None:
    assert is_temporary(TimedOut("Slow."))
    assert not is_temporary(WrongOffset("Elsewhere.", offset=1))
    assert not is_temporary(NotFound("Nothing."))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("holiday.avi", "holiday.avi"),
        ("假期 2026.mp4", "假期 2026.mp4"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "movie-1"),
        (".hidden", "hidden"),
        ("a\\b/c", "a_b_c"),
        ("bell\a\x1b[2J", "bell__[2J"),
        ("-rf", "_rf"),
        ("  spaces  ", "spaces"),
        ("\u202eiva.exe", "_iva.exe"),
        ("", "movie-1"),
        ("family 👨‍👩‍👧.avi", "family 👨‍👩‍👧.avi"),
    ],
)
def test_a_title_becomes_a_safe_file_name(title: str, name: str) -> None:
    assert file_name_from(title, "movie-1") == name


@given(title=st.text(max_size=300))
def test_no_title_makes_an_unsafe_file_name(title: str) -> None:
    name = file_name_from(title, "movie-1")
    assert name and "/" not in name and not name.startswith((".", "-"))
    assert len(f"{name}.part".encode()) <= 255
    assert "\x00" not in name


def test_a_long_title_keeps_its_extension() -> None:
    name = file_name_from("很" * 199 + ".avi", "movie-1")
    assert name.endswith("很.avi")
    assert len(name.encode()) <= 240


def test_a_file_name_becomes_a_title() -> None:
    assert title_from(Path("/videos/holiday.avi")) == "holiday.avi"
    assert title_from(Path("a\nb.avi")) == "a_b.avi"
    assert title_from(Path("\u200b\u3000")) == "untitled"
    assert title_from(Path("caf\udce9.avi")) == "caf\ufffd.avi"
    assert len(title_from(Path("x" * 250))) == 200


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (64 * 1024**2, "64.0 MiB"),
        (5 * 1024**3 // 2, "2.5 GiB"),
        (10**18, "888.2 PiB"),
    ],
)
def test_sizes_are_readable(count: int, words: str) -> None:
    assert text.size(count) == words


def test_prices_are_yuan() -> None:
    assert [text.price(fen) for fen in (0, 5, 2000, 123_456)] == ["0.00", "0.05", "20.00", "1234.56"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "just now"),
        (60, "1 minute ago"),
        (7_300, "2 hours ago"),
        (86_400 * 400, "1 year ago"),
        (-86_400 * 7 - 5, "in 7 days"),
    ],
)
def test_moments_are_relative(seconds: int, words: str) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert text.ago(now - timedelta(seconds=seconds), now) == words


def test_spans_are_readable() -> None:
    assert [text.duration(seconds) for seconds in (0.4, 42, 3_800)] == ["0:00", "0:42", "1:03:20"]


def test_tables_are_aligned_in_columns_of_the_terminal() -> None:
    rows = [("1", "假期"), ("12", "holiday")]
    assert text.table(("ID", "TITLE"), rows, frozenset({0})) == "ID  TITLE\n 1  假期\n12  holiday"
    assert text.table(("TITLE", "ID"), [("假期", "1"), ("cafe\u0301", "2")]) == "TITLE  ID\n假期   1\ncafe\u0301   2"


def test_nothing_commands_the_terminal() -> None:
    assert text.visible("a\x1b[31mred\n") == "a?[31mred?"
    assert text.visible("\u202eiva.exe\u2066\u2028\x9b2J") == "?iva.exe???2J"
    assert text.visible_lines("one\r\ntwo\x1b[2J") == "one?\ntwo?[2J"
    assert text.visible("西游记 🎬 👩\u200d👩 שלום") == "西游记 🎬 👩\u200d👩 שלום"


@given(data=st.binary(max_size=5000), cuts=st.lists(st.integers(0, 5000), max_size=5))
def test_a_running_hash_skips_what_comes_again(data: bytes, cuts: list[int]) -> None:
    running = RunningHash()
    for cut in [*cuts, len(data)]:
        start = min(cut // 2, running.position)
        running.take(start, memoryview(data)[start:cut])
    assert running.hexdigest() == blake3(data).hexdigest()


def test_a_running_hash_refuses_a_gap() -> None:
    with pytest.raises(ValueError, match="do not follow"):
        RunningHash().take(1, memoryview(b"x"))


def test_a_session_is_remembered_for_its_server(tmp_path: Path) -> None:
    sessions = SessionFile(tmp_path / "youku")
    assert sessions.find("a:1") is None
    sessions.put("a:1", name="alice", token="secret", expire_time="2026-12-21T00:00:00Z")
    sessions.put("b:1", name="bob", token="other", expire_time="2026-12-21T00:00:00Z")
    assert sessions.find("a:1") == {"name": "alice", "token": "secret", "expire_time": "2026-12-21T00:00:00Z"}
    assert sessions.remove("a:1")
    assert not sessions.remove("a:1")
    assert SessionFile(tmp_path / "youku").find("b:1") is not None


def test_only_the_owner_can_read_a_token(tmp_path: Path) -> None:
    sessions = SessionFile(tmp_path / "youku")
    sessions.put("a:1", name="alice", token="secret", expire_time="")
    sessions.path.chmod(0o644)
    sessions.put("a:1", name="alice", token="secret", expire_time="")
    assert stat.S_IMODE(sessions.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(sessions.path.parent.stat().st_mode) == 0o700


def test_two_logins_at_once_are_both_remembered(tmp_path: Path) -> None:
    def remember(number: int) -> None:
        SessionFile(tmp_path).put(f"a:{number}", name="alice", token="secret", expire_time="")

    threads = [threading.Thread(target=remember, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads((tmp_path / "sessions.json").read_text())["sessions"]) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.json"]


@pytest.mark.parametrize("content", ["", "nonsense", "[]", "{}", '{"sessions": 3}'])
def test_a_damaged_session_file_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "sessions.json").write_text(content)
    with pytest.raises(BadRequest, match="damaged: remove it"):
        SessionFile(tmp_path).find("a:1")


def test_the_state_directory_follows_xdg() -> None:
    assert state_directory({"XDG_STATE_HOME": "/state"}) == Path("/state/youku")
    for relative in ({}, {"XDG_STATE_HOME": "relative"}, {"XDG_STATE_HOME": ""}):
        assert state_directory(relative) == Path.home() / ".local" / "state" / "youku"


def test_cells_stand_in_as_many_columns_as_fit() -> None:
    cells = ["1  one", "2  二", "3  three", "4  four", "0  quit"]
    assert text.in_columns(cells, 24) == ["1  one    4  four", "2  二     0  quit", "3  three"]
    assert text.in_columns(cells, 10) == cells
