"""How the code is laid out, in numbers: `python -m benchmarks.house`."""
