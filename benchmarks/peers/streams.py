"""asyncio's streams: a reply for each line. `python -m benchmarks.peers.streams PORT`.

As in the echo server of Python's own documentation: a coroutine for each connection, readline, write, drain.
"""

from __future__ import annotations

import asyncio
import sys

BACKLOG = 4096


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the client hangs up."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(converse, "127.0.0.1", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
