"""Plugins: what they may do, what becomes of one that fails, and the two of `examples/`."""
