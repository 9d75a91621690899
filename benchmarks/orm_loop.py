"""Point selects by 64 clients over 16 connections, in four ways: python -m benchmarks.orm_loop

The ORM in the event loop, giving objects and giving rows; the ORM in 16 threads; and aiomysql, giving rows. All ask one
MariaDB for the same rows, in turns; the figure is queries a second of the client's own CPU time, medians of rounds.
Needs: pip install aiomysql, and MariaDB's server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import aiomysql

from benchmarks.orm import databases
from benchmarks.orm_contestants import CREATED, OurVideo, video
from youku_evloop import orm
from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.runtime import LoopRuntime

ROWS = 1000
CLIENTS = 64
CONNECTIONS = 16
QUERIES = 100  # by each client
SQL, _ = OurVideo.select(id=1).sql()


def ask_for_objects() -> None:
    for number in range(1, QUERIES + 1):
        OurVideo.select(id=number).get()


def ask_for_rows() -> None:
    database = orm.current_database()
    for number in range(1, QUERIES + 1):
        database.perform(SQL, [number], write=False)


def in_loop(url: str, ask: Callable[[], None]) -> None:
    loop = Loop()
    runtime = LoopRuntime(loop)
    database = orm.Database(url, runtime=runtime, pool_size=CONNECTIONS, pool_wait=60.0)

    def client(done: orm.Waiter) -> None:
        with database.use():
            ask()
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


def in_threads(url: str) -> None:
    database = orm.Database(url, pool_size=CONNECTIONS, pool_wait=60.0)

    def client(_: int) -> None:
        with database.use():
            ask_for_rows()

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(client, range(CLIENTS)))
    database.close()


def in_asyncio(url: str) -> None:
    parts = urlsplit(url)
    sql = SQL.replace("?", "%s")

    async def client(pool: aiomysql.Pool) -> None:
        for number in range(1, QUERIES + 1):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    ways: dict[str, Callable[[str], None]] = {
        "loop, rows": lambda url: in_loop(url, ask_for_rows),
        "loop, objects": lambda url: in_loop(url, ask_for_objects),
        "16 threads, rows": in_threads,
        "aiomysql, rows": in_asyncio,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with databases() as urls:
        url = urls["MariaDB"]
        database = orm.Database(url)
        orm.create_all(database, [OurVideo])
        with database.use():
            OurVideo.insert_many(video(number, CREATED) for number in range(1, ROWS + 1))
        for number in range(options.rounds + 1):
            for name, way in ways.items():
                cpu = time.process_time()
                way(url)
                if number:  # the first round warms
                    rates[name].append(CLIENTS * QUERIES / (time.process_time() - cpu))
        database.close()
    medians = {name: statistics.median(taken) for name, taken in rates.items()}
    if options.json:
        json.dump(medians, sys.stdout, indent=2)
        print()
        return
    print(f"{'':20}{'queries per CPU second':>24}{'x aiomysql':>12}")
    for name, rate in medians.items():
        print(f"{name:20}{rate:>24.0f}{rate / medians['aiomysql, rows']:>12.2f}")


if __name__ == "__main__":
    main()
