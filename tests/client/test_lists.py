"""Lists of files to upload: what is read, and what is said about rows that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_cli.lists import BadRow, Listed, read_list
from youku_evloop.errors import BadRequest


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With files to name."""
    for name in ("a.avi", "假期, 第一.mp4", 'the "best".mkv'):
        (tmp_path / name).write_bytes(b"bytes")
    (tmp_path / "empty.avi").touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.avi").write_bytes(b"bytes")
    return tmp_path


def read(directory: Path, text: str) -> tuple[list[Listed], list[BadRow]]:
    """The rows of a list in this directory."""
    return read_list(text.encode(), directory)


def test_a_spreadsheets_list_is_read(directory: Path) -> None:
    text = (
        "\ufeffTitle , path,price,VIP_Price,free,description,,\r\n"
        'Holiday,a.avi,,,,"By the sea,\r\nwith a ""boat""",,\r\n'
        ",,,,,,,\r\n"
        '第一集,"假期, 第一.mp4",9.90,5,,,,\r\n'
        ',"the ""best"".mkv",,,no,,,\r\n'
        ",below/b.avi,,,是,,,\r\n"
    )
    rows, bad = read(directory, text)
    assert bad == []
    assert [(row.line, row.path.relative_to(directory).as_posix()) for row in rows] == [
        (2, "a.avi"), (5, "假期, 第一.mp4"), (6, 'the "best".mkv'), (7, "below/b.avi"),
    ]  # fmt: skip
    holiday, first, best, below = [row.options for row in rows]
    assert holiday["title"] == "Holiday" and holiday["description"] == 'By the sea,\r\nwith a "boat"'
    assert (first["is_free"], first["price"], first["vip_price"]) == (False, 990, 500)
    assert (best["title"], best["is_free"], best["price"]) == (None, False, None)
    assert below["is_free"] is True and holiday["is_free"] is True


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_other_separators_are_read_too(directory: Path, separator: str) -> None:
    rows, bad = read(directory, f"path{separator}title\na.avi{separator}A title\n")
    assert (rows[0].options["title"], bad) == ("A title", [])


def test_an_absolute_path_stays_what_it_is(directory: Path) -> None:
    rows, _bad = read_list(f"path\n{directory}/a.avi".encode(), Path("elsewhere"))
    assert rows[0].path == directory / "a.avi"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("missing.avi,,,", "no file"),
        (",Title,,", "no path"),
        ("a\0.avi,,,", "no path"),
        ("empty.avi,,,", "empty"),
        ("below,,,", "directory"),
        (f"a.avi,{'x' * 201},,", "200"),
        ("a.avi,a\tb,,", "control"),
        ("a.avi,,cheap,", "'cheap' is no price"),
        ("a.avi,,-1,", "no price"),
        ("a.avi,,1000000.01,", "no price"),
        ("a.avi,,1.005,", "no price"),
        ("a.avi,,5,yes", "free has no price"),
        ("a.avi,,,maybe", "'maybe'"),
        ("a.avi,,,no,more", "5 cells and 4 columns"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_its_line(directory: Path, row: str, reason: str) -> None:
    rows, bad = read(directory, f"path,title,price,free\nbelow/b.avi,,,\n\n{row}\n")
    assert [listed.line for listed in rows] == [2]
    assert [problem.line for problem in bad] == [4]
    assert reason in bad[0].message


def test_a_file_stands_in_a_list_once(directory: Path) -> None:
    rows, bad = read(directory, "path\na.avi\nbelow/b.avi\nbelow/../a.avi\n")
    assert (len(rows), bad[0].line) == (2, 4)
    assert "line 2" in bad[0].message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "names its columns"),
        (b"a.avi\n", "'a.avi'"),
        (b"title\nx\n", "`path` among them"),
        (b"path,path\n", "two columns 'path'"),
        (b"path,colour\n", "'colour'"),
        (b"path\na.avi\n\xb5\xc4.avi\n", "Line 3 of the list is no UTF-8"),
        ("path\na.avi\n".encode("utf-16"), "Line 1 of the list is no UTF-8"),
        (b'path,title\na.avi,"no end\n', "Line 2 of the list is no CSV"),
        (b'path,title\na.avi,"a" b\n', "Line 2 of the list is no CSV"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(directory: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        read_list(content, directory)


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"path,free\n{text}".encode(errors="ignore"))
    )
)
def test_whatever_stands_in_it_is_read_or_refused(content: bytes) -> None:
    try:
        rows, bad = read_list(content, Path("/nowhere"))
    except BadRequest:
        return
    assert all(row.line > 1 for row in rows) and all(row.line > 1 for row in bad)
