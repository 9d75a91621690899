"""The library's face: what it asks, what it makes of the answers, when it asks again."""

from __future__ import annotations

import pytest

import client_cli
import youku_evloop
from client_cli.client import Client
from tests.client.peer import Peer
from tests.client.talk import TOKEN, HangUp
from youku_evloop.errors import BrokenFrame, NotFound, NotLoggedIn, Unavailable, Unreachable


def test_the_library_is_importable_as_the_readme_says() -> None:
    from client_cli import Client as imported

    assert imported is Client
    assert all(getattr(client_cli, name) is not None for name in client_cli.__all__)
    with pytest.raises(AttributeError):
        _ = client_cli.nothing


def test_client_and_server_have_one_version() -> None:
    assert client_cli.__version__ == youku_evloop.__version__


def test_one_connection_serves_many_commands(peer: Peer, youku: Client) -> None:
    assert youku.ping() >= 0
    assert youku.whoami().name == "admin"
    assert list(youku.movies()) == []
    assert peer.connections == 1
    assert youku.server_name == "a peer"


def test_all_movies_come_page_by_page(peer: Peer, youku: Client) -> None:
    for number in range(120):
        peer.add_movie(b"x", f"Movie {number}")
    assert [movie.id for movie in youku.movies()] == list(range(120, 0, -1))
    assert peer.ops() == ["movie.list"] * 3


def test_a_movie_is_typed(peer: Peer, youku: Client) -> None:
    peer.add_movie(b"abc", "A title", price=2000, vip_price=1000, is_free=False, something_new=1)
    movie = youku.movie(1)
    assert (movie.name, movie.size, movie.price, movie.is_free) == ("A title", 3, 2000, False)
    assert movie.create_time.utcoffset() is not None


def test_what_is_not_there_is_an_exception_with_a_code(youku: Client) -> None:
    with pytest.raises(NotFound) as caught:
        youku.movie(9)
    assert (caught.value.code, caught.value.facts) == ("not_found", {"movie": 9})


def test_an_ended_session_is_said(peer: Peer) -> None:
    with Client(peer.address, token="stale") as youku, pytest.raises(NotLoggedIn, match="ended"):
        youku.whoami()


def test_after_logging_out_the_next_connection_is_anonymous(peer: Peer, youku: Client) -> None:
    youku.logout()
    assert youku.token is None
    with pytest.raises(NotLoggedIn):
        youku.whoami()


def test_a_connection_that_died_while_idle_is_replaced_without_a_pause(
    peer: Peer, youku: Client, pauses: list[float]
) -> None:
    youku.ping()
    for conversation in peer._conversations:
        conversation.drop()
    for thread in peer._threads[1:]:
        thread.join()
    youku.delete(peer.add_movie(b"x"))
    assert (peer.connections, pauses) == (2, [])


def test_a_question_whose_answer_was_lost_is_asked_again(peer: Peer, youku: Client, pauses: list[float]) -> None:
    lose_answers(peer, "movie.list", 2)
    assert list(youku.movies()) == []
    assert peer.ops() == ["movie.list"] * 3
    assert len(pauses) == 2


def test_a_change_whose_answer_was_lost_is_not_repeated(peer: Peer, youku: Client) -> None:
    peer.add_movie(b"x")
    lose_answers(peer, "movie.delete", 1)
    with pytest.raises(Unreachable, match="lost"):
        youku.delete(1)
    assert peer.ops() == ["movie.delete"]


def test_an_unavailable_server_is_asked_again_whatever_the_question(
    peer: Peer, youku: Client, pauses: list[float]
) -> None:
    peer.add_movie(b"x")
    failures = [Unavailable("Not now."), Unavailable("Not now.")]

    def before(op: str, arguments: dict[str, object]) -> None:
        if op == "movie.delete" and failures:
            raise failures.pop()

    peer.before = before
    youku.delete(1)
    assert peer.connections == 1
    assert len(pauses) == 2


def test_there_is_an_end_to_asking_again(peer: Peer, pauses: list[float]) -> None:
    reports: list[tuple[int, int]] = []
    lose_answers(peer, "movie.list", 100)
    with (
        Client(
            peer.address,
            token=TOKEN,
            retries=3,
            on_retry=lambda error, delay, count, limit: reports.append((count, limit)),
        ) as youku,
        pytest.raises(Unreachable),
    ):
        youku.movie_page()
    assert reports == [(1, 3), (2, 3), (3, 3)]
    assert len(pauses) == 3


def test_a_server_that_never_answered_is_not_waited_for(peer: Peer, pauses: list[float]) -> None:
    lose_answers(peer, "hello", 100)
    with Client(peer.address) as youku, pytest.raises(Unreachable, match="without a word"):
        youku.ping()
    assert pauses == []


def test_a_server_that_says_goodbye_before_the_greeting_is_waited_for(peer: Peer, pauses: list[float]) -> None:
    peer.events.append({"event": "goodbye", "reason": "restart"})
    lose_answers(peer, "hello", 1)
    with Client(peer.address, token=TOKEN, on_retry=lambda *_: peer.events.clear()) as youku:
        assert list(youku.movies()) == []
    assert (peer.connections, len(pauses)) == (2, 1)


def test_an_answer_that_makes_no_sense_is_said(peer: Peer, youku: Client) -> None:
    peer.add_movie(b"x", size="large")
    with pytest.raises(BrokenFrame, match="does not understand"):
        youku.movie(1)


def lose_answers(peer: Peer, op: str, times: int) -> None:
    """Hang up instead of answering `op`, so many times."""
    left = [times]

    def before(asked: str, arguments: dict[str, object]) -> None:
        if asked == op and left[0]:
            left[0] -= 1
            raise HangUp

    peer.before = before
