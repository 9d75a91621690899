"""The door of `youku` (and of `python -m client_cli`): what is imported behind it may be interrupted too."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command. Ctrl-C ends it with a word and its exit code, however early or late it comes."""
    try:
        from client_cli.main import main as youku

        youku()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from client_cli.messages import translator
        from youku_evloop.errors import ExitCode

        sys.stderr.write(f"youku: {translator(os.environ)('Stopped.')}\n")
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
