"""The view of our own caches."""

from docmind_core.tables.definitions import ARM_COLUMNS, View

CACHE_SUMMARY = View(
    name="cache_summary",
    order="benchmark_run, arm, cache",
    comment="One row is a cache of an arm with the lever result_cache: how often it answered",
    columns={
        **ARM_COLUMNS,
        "cache_state": "cold, or warm: an earlier run of the arm had left results when this one began",
        "cache": "router or retrieval",
        "lookups": "Lookups, warm-up left out",
        "cache_hits": "Of them, answered by the cache",
        "cache_misses": "Of them, not answered; cache_lookups says why",
        "cache_hit_ratio": "cache_hits / lookups, in [0, 1]",
        "wrong_hit_ratio": "Wrong hits / hits, of caches that match semantically; NULL for exact keys",
        "lookup_p50_s": "Median seconds of a lookup",
    },
)
