"""Benchmarks of the package against its goals and its peers: ``python -m benchmarks``."""
