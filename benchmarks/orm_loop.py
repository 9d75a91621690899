"""Point selects by 64 clients over 16 connections, in four ways.

    benchmarks/run orm_loop

The ORM in the event loop, giving objects and giving rows; the ORM in 16 threads; and aiomysql, giving rows. All ask one
MariaDB for the same rows, in turns; the figure is queries a second of the client's own CPU time, medians of rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import unquote, urlsplit

import aiomysql

from benchmarks.harness import Bench, run_alone
from benchmarks.orm_contestants import CREATED, OurVideo, video
from benchmarks.tables import Table
from youku_evloop import orm
from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.runtime import LoopRuntime

ROWS = 1000
CLIENTS = 64
CONNECTIONS = 16
QUERIES = 100  # by each client
SQL, _ = OurVideo.select(id=1).sql()


def ask_for_objects(queries: int) -> None:
    """So many point selects, each of which becomes an object."""
    for number in range(1, queries + 1):
        OurVideo.select(id=number).get()


def ask_for_rows(queries: int) -> None:
    """The same statement, and nothing made of its row."""
    database = orm.current_database()
    for number in range(1, queries + 1):
        database.perform(SQL, [number], write=False)


def in_loop(ask: Callable[[int], None], url: str, queries: int) -> None:
    """All clients as tasks of one loop, over the pool's connections."""
    loop = Loop()
    runtime = LoopRuntime(loop)
    database = orm.Database(url, runtime=runtime, pool_size=CONNECTIONS, pool_wait=60.0)

    def client(done: orm.Waiter) -> None:
        with database.use():
            ask(queries)
        done.wake()

    def main() -> None:
        waiters = [runtime.waiter() for _ in range(CLIENTS)]
        for waiter in waiters:
            loop.spawn(client, waiter)
        for waiter in waiters:
            waiter.wait(None)
        database.close()

    loop.run_task(main)
    loop.close()


def in_threads(url: str, queries: int) -> None:
    """All clients in as many threads as there are connections, on blocking sockets."""
    database = orm.Database(url, pool_size=CONNECTIONS, pool_wait=60.0)

    def client(_: int) -> None:
        with database.use():
            ask_for_rows(queries)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(client, range(CLIENTS)))
    database.close()


def in_asyncio(url: str, queries: int) -> None:
    """All clients as tasks of asyncio, over aiomysql's pool."""
    parts = urlsplit(url)
    sql = SQL.replace("?", "%s")

    async def client(pool: aiomysql.Pool) -> None:
        for number in range(1, queries + 1):
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute(sql, (number,))
                await cursor.fetchall()

    async def main() -> None:
        pool = await aiomysql.create_pool(
            host=parts.hostname, port=parts.port, user=parts.username, password=unquote(parts.password or ""),
            db=parts.path[1:], maxsize=CONNECTIONS, autocommit=True,
        )  # fmt: skip
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client(pool))
        pool.close()
        await pool.wait_closed()

    asyncio.run(main())


WAYS: dict[str, Callable[[str, int], None]] = {
    "youku, rows": partial(in_loop, ask_for_rows),
    "youku, objects": partial(in_loop, ask_for_objects),
    "youku, 16 threads, rows": in_threads,
    "aiomysql, rows": in_asyncio,
}


def measure(bench: Bench) -> Iterator[Table]:
    """Queries for each second of CPU."""
    with bench.database() as url:
        database = orm.Database(url)
        orm.create_all(database, [OurVideo])
        with database.use():
            OurVideo.insert_many(video(number, CREATED) for number in range(1, ROWS + 1))
        database.close()
        taken = rates(url, bench.some(QUERIES, 5), bench.rounds)
    medians = {name: statistics.median(each) for name, each in taken.items()}
    figures = {name: (rate, rate / medians["aiomysql, rows"]) for name, rate in medians.items()}
    title = f"point selects, {CLIENTS} clients over {CONNECTIONS} connections"
    columns = ("queries per CPU s", "x aiomysql")
    yield Table(title, columns, figures, bars=columns[0])


def rates(url: str, queries: int, rounds: int) -> dict[str, list[float]]:
    """Queries for each second of CPU, in every round but the first, which warms."""
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, way in WAYS.items():
            cpu = time.process_time()
            way(url, queries)
            if number:
                taken[name].append(CLIENTS * queries / (time.process_time() - cpu))
    return taken


if __name__ == "__main__":
    run_alone(__file__)
