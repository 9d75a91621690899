"""pyftpdlib's asynchronous server, for more clients than its default. `python -m benchmarks.peers.ftp PORT DIRECTORY`.

Anonymous and allowed to write, without the log line for every command; sendfile and epoll are its defaults.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

MOST_CLIENTS: Final = 20_000  # 512 by default
BACKLOG: Final = 4096


def main(port: int, directory: str) -> None:
    """Serve until the process is ended."""
    logging.disable(logging.INFO)
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(directory, perm="elradfmw")
    FTPHandler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", port), FTPHandler, backlog=BACKLOG)
    server.max_cons = MOST_CLIENTS
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
