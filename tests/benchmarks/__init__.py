"""Benchmarks that nobody runs rot: these run them."""
