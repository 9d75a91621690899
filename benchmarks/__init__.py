"""Measurements beside the best of Youku's peers: `benchmarks/run --help`.

A row is a file with `measure(bench)`, which yields tables, and a line in `__main__`. `harness` runs servers and takes
their CPU, `contestants` and `others` are servers that move files, `partners` and `peers` servers to talk with, `tables`
and `plots` show what was found, and `page` puts it into docs/performance.md.
"""
