"""Schema, Parquet segments and the published DuckDB file."""
