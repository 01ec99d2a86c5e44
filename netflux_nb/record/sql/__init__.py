"""Asking the record: the DuckDB engine, its tables, DataFrames, and a file to keep."""
