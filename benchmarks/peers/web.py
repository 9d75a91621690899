"""aiohttp, with aiomysql where there is a database: `python -m benchmarks.peers.web PORT [URL]`.

GET /ping answers {"ok":true}, GET /movies the newest movies as `movie.list` shows them: the same fields of the same
rows in the same tables. As the documentation of both has it: one application, its pool made at start-up and closed at
the end (`cleanup_ctx`), no access log, `autocommit`, a connection borrowed for the statement. The pool is as large as
Youku's and full from the start; the JSON is written by the library that Youku uses, which is faster than Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomysql
import msgspec
from aiohttp import web

POOL: Final = 16
BACKLOG: Final = 4096
PAGE: Final = 20
PRICE: Final = 2000
VIP_PRICE: Final = 1000
NEWEST: Final = """
    SELECT movie.id, movie.name, file_size, file_hash, is_free, price, vip_price, create_time, user.name
    FROM (SELECT id FROM movie WHERE is_delete = 0 ORDER BY id DESC LIMIT %s) AS page
    JOIN movie ON movie.id = page.id JOIN user ON user.id = movie.user_id ORDER BY movie.id DESC"""
DATABASE: Final = web.AppKey("database", aiomysql.Pool)
encode: Final = msgspec.json.encode


async def ping(request: web.Request) -> web.Response:
    """Nothing but the way there and back."""
    return web.Response(body=b'{"ok":true}', content_type="application/json")


async def movies(request: web.Request) -> web.Response:
    """A page of movies, and where the next one begins."""
    async with request.app[DATABASE].acquire() as connection, connection.cursor() as cursor:
        await cursor.execute(NEWEST, (PAGE + 1,))
        rows = await cursor.fetchall()
    shown = [as_json(*row) for row in rows[:PAGE]]
    reply = {"ok": True, "movies": shown, "next": str(shown[-1]["id"]) if len(rows) > PAGE else None}
    return web.Response(body=encode(reply), content_type="application/json")


def as_json(
    number: int, name: str, size: int, digest: str, is_free: int, price: int | None, vip_price: int | None, time: Any,
    uploader: str,
) -> dict[str, Any]:  # fmt: skip
    """One movie."""
    return {
        "id": number, "name": name, "size": size, "hash": digest, "is_free": bool(is_free),
        "price": 0 if is_free else PRICE if price is None else price,
        "vip_price": 0 if is_free else VIP_PRICE if vip_price is None else vip_price,
        "create_time": time.isoformat(timespec="seconds") + "Z", "uploader": uploader,
    }  # fmt: skip


async def with_database(application: web.Application) -> AsyncIterator[None]:
    """The pool, from before the first request until after the last."""
    parts = urlsplit(sys.argv[2])
    pool = await aiomysql.create_pool(
        host=parts.hostname, port=parts.port, user=parts.username, password=unquote(parts.password or ""),
        db=parts.path[1:], charset="utf8mb4", autocommit=True, minsize=POOL, maxsize=POOL,
    )  # fmt: skip
    application[DATABASE] = pool
    yield
    pool.close()
    await pool.wait_closed()


def main(port: int, *, has_database: bool) -> None:
    """Serve until the process is ended."""
    application = web.Application()
    application.add_routes([web.get("/ping", ping), web.get("/movies", movies)])
    if has_database:
        application.cleanup_ctx.append(with_database)
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None, backlog=BACKLOG)


if __name__ == "__main__":
    main(int(sys.argv[1]), has_database=len(sys.argv) > 2)
