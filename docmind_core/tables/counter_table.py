"""The table of the engine's own counters."""

from docmind_core.tables.definitions import RUN_COLUMN, Table

ENGINE_COUNTERS = Table(
    name="engine_counters",
    comment="One row is a counter before or after an arm's share of a block: the engine's, and our own (docmind:...)",
    key=("run_id", "engine_session", "block", "counter", "moment"),
    columns={
        **RUN_COLUMN,
        "engine_session": ("varchar", "Engine process: counters restart with it"),
        "block": ("integer", "Block of the benchmark run, from 1; 0 for warm-up"),
        "counter": (
            "varchar",
            "vllm's name without the prefix vllm: and without _total, prompt_tokens_by_source:SOURCE by its label; "
            "docmind:requests_sent is counted in our connection pool, docmind:engines_seen is how many engines "
            "answered at the URL during the reading",
        ),
        "value": ("double", "Value, summed over its labels"),
        "moment": ("varchar", "before or after"),
        "taken_at": ("timestamptz", "UTC time of the scrape"),
        "engine_url": (
            "varchar",
            "Where it was read: of an engine with several replicas, each has its own URL and its own engine_session",
        ),
    },
)
