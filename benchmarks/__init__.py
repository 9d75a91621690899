"""Measurements beside the best of Youku's peers: `benchmarks/run --help`."""
