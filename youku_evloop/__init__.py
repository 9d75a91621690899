"""Youku: a self-hosted video library, served by one event loop."""

__version__ = "0.1.0"
