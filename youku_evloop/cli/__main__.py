"""`python -m youku_evloop.cli`: the same as `youku-server`."""

from youku_evloop.cli import main

main()
