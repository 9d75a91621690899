"""`youku-server`: what an operator types on the server's own machine. One file for each group of commands."""

from youku_evloop.cli import maintenance, serving, tables
from youku_evloop.cli.options import main

__all__ = ["main", "maintenance", "serving", "tables"]
