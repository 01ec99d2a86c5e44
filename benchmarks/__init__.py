"""Benchmarks: one module a row, runnable alone (`python -m benchmarks.B1`) or all."""

import os

# A measurement that wants a record names its folder.
os.environ.setdefault("NETFLUX_HOME", "off")
