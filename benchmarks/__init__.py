"""Measurements beside the best of Youku's peers. `python -m benchmarks.transfer --help`, and so on."""
