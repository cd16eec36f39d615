"""The table of the engine's own counters."""

from docmind_core.tables.definitions import RUN_COLUMN, Table

ENGINE_COUNTERS = Table(
    name="engine_counters",
    comment="One row is a counter of the engine at an instant, before or after an arm",
    key=("run_id", "engine_session", "counter", "moment"),
    columns={
        **RUN_COLUMN,
        "engine_session": ("varchar", "Engine process: counters restart with it"),
        "counter": ("varchar", "Name without the prefix vllm: and without _total"),
        "value": ("double", "Value, summed over its labels"),
        "moment": ("varchar", "before or after"),
        "taken_at": ("timestamp", "UTC time of the scrape"),
    },
)
