"""The bare loop with the least that a download on record takes, as the floor of what Youku can reach with SQLite.

`python -m benchmarks.recorded PORT DIRECTORY`. `T` and a number is a client's token: its hash is looked up, with the
user whose it is. `D`, as in `benchmarks.bare`, first looks for the movie and the user's last record of it, and writes a
new record; when the bytes are out that is completed, and only then the client's next request is read. SQLite works in a
thread, for it blocks, and as durably as Youku has it; what has come meanwhile shares a transaction. Nothing is checked,
and no statement is made: all are constants.
"""

from __future__ import annotations

import queue
import select
import socket
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from benchmarks.bare import BareServer

CLIENTS: Final = 1000
"""So many tokens there are."""
SCHEMA: Final = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT, user_type TEXT, is_locked INTEGER);
    CREATE TABLE session (id INTEGER PRIMARY KEY, token_hash TEXT UNIQUE, user_id INTEGER, expire_time TEXT);
    CREATE TABLE movie (id INTEGER PRIMARY KEY, name TEXT, file_hash TEXT, file_size INTEGER, is_free INTEGER);
    CREATE TABLE record (id INTEGER PRIMARY KEY, user_id INTEGER, movie_id INTEGER, create_time TEXT,
        bytes_sent INTEGER, completed INTEGER);
    CREATE INDEX record_of ON record (user_id, movie_id);
    INSERT INTO movie VALUES (1, 'film', 'hash', 0, 1);
"""
WHO: Final = """
    SELECT user.id, name, user_type, is_locked, expire_time FROM session JOIN user ON user.id = user_id
    WHERE token_hash = ?"""
MOVIE: Final = "SELECT name, file_hash, file_size, is_free FROM movie WHERE id = ?"
LAST: Final = "SELECT id, completed FROM record WHERE user_id = ? AND movie_id = ? ORDER BY id DESC LIMIT 1"
BEGUN: Final = "INSERT INTO record (user_id, movie_id, create_time, bytes_sent, completed) VALUES (?, 1, ?, 0, 0)"
COMPLETED: Final = "UPDATE record SET bytes_sent = ?, completed = 1 WHERE id = ? AND bytes_sent = 0"

Work = Callable[[sqlite3.Connection], int]
Then = Callable[[int], None]


def hash_of(token: int) -> str:
    """What the table has of a token."""
    return sha256(b"%d" % token).hexdigest()


class Ledger:
    """SQLite in a thread; what is handed in while it works shares the next transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(SCHEMA)
        for number in range(CLIENTS):
            self._connection.execute("INSERT INTO user VALUES (?, ?, 'user', 0)", (number, f"client{number}"))
            self._connection.execute("INSERT INTO session VALUES (?, ?, ?, '')", (number, hash_of(number), number))
        self._jobs: queue.SimpleQueue[tuple[Work, Then]] = queue.SimpleQueue()
        self._done: deque[tuple[Then, int]] = deque()
        self.receiver, self._sender = socket.socketpair()
        threading.Thread(target=self._serve, daemon=True).start()

    def hand_in(self, work: Work, then: Then) -> None:
        """Have `then` called with what `work` returns, once that is lasting."""
        self._jobs.put((work, then))

    def hand_out(self, _events: int) -> None:
        """Call what there is to call; for the loop, whenever `receiver` is ready."""
        self.receiver.recv(4096)
        while self._done:
            then, answer = self._done.popleft()
            then(answer)

    def _serve(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while not self._jobs.empty():
                jobs.append(self._jobs.get())
            self._connection.execute("BEGIN")
            answers = [(then, work(self._connection)) for work, then in jobs]
            self._connection.execute("COMMIT")
            self._done.extend(answers)
            self._sender.send(b"\0")


class RecordingServer(BareServer):
    """The bare loop, with a ledger of its downloads."""

    def __init__(self, port: int, directory: Path) -> None:
        super().__init__(port, directory)
        self._ledger = Ledger(directory / "recorded.db")
        self._users: dict[int, int] = {}
        self._records: dict[int, int] = {}
        self._watch(self._ledger.receiver, select.EPOLLIN, self._ledger.hand_out)

    def _begin(self, sock: socket.socket) -> None:
        head = sock.recv(9)
        if len(head) < 9:
            self._close(sock)
        elif head[:1] == b"T":
            self._enter(sock, int.from_bytes(head[1:], "big"))
        else:
            self._record(sock, int.from_bytes(head[1:], "big"))

    def _enter(self, sock: socket.socket, token: int) -> None:
        def look(connection: sqlite3.Connection) -> int:
            return int(connection.execute(WHO, (hash_of(token),)).fetchone()[0])

        def answer(user: int) -> None:
            self._users[sock.fileno()] = user
            sock.send(b"!")

        self._ledger.hand_in(look, answer)

    def _record(self, sock: socket.socket, length: int) -> None:
        user = self._users[sock.fileno()]

        def begin(connection: sqlite3.Connection) -> int:
            connection.execute(MOVIE, (1,)).fetchone()
            connection.execute(LAST, (user, 1)).fetchone()
            return int(connection.execute(BEGUN, (user, "now")).lastrowid or 0)

        def send(record: int) -> None:
            self._records[sock.fileno()] = record
            self._send(sock, length)

        self._ledger.hand_in(begin, send)

    def _sent(self, sock: socket.socket, length: int) -> None:
        record = self._records[sock.fileno()]

        def complete(connection: sqlite3.Connection) -> int:
            return connection.execute(COMPLETED, (length, record)).rowcount

        self._epoll.modify(sock.fileno(), 0)
        self._ledger.hand_in(complete, lambda _: super(RecordingServer, self)._sent(sock, length))


if __name__ == "__main__":
    RecordingServer(int(sys.argv[1]), Path(sys.argv[2])).run()
