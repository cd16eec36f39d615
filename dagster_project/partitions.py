"""The one partition that all assets share."""

import dagster as dg

benchmark_runs = dg.DynamicPartitionsDefinition(name="benchmark_run")
"""One key per benchmark run, `<UTC start>-<suite>-<4 random>`; materialising a key again resumes it."""
