"""SQL over the record: the DuckDB engine, its views, DataFrames, and an export."""
