"""The door of `youku-server`: what is imported behind it takes a moment, and may be interrupted too."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command; Ctrl-C ends it with a word and its exit code, however early it comes."""
    try:
        from youku_evloop.cli import main as server

        server()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from youku_evloop.errors import ExitCode

        sys.stderr.write("youku-server: Stopped.\n")
        sys.exit(ExitCode.INTERRUPTED)
