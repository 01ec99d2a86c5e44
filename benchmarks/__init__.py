"""Benchmarks: one module a row, runnable alone (`python -m benchmarks.B1`) or all."""
