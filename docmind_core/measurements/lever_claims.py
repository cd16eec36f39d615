"""The claimed effect of each lever: one line per lever, edge of the guide's strategy chart, and metric."""

from dataclasses import dataclass
from typing import Literal

from docmind_core.agents.levers import Lever

Direction = Literal["rises", "falls", "stays"]
NO_EDGE = "none"
"""Edge of a lever that the guide's chart does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim: turn the lever on, and the metric moves this way."""

    lever: Lever
    edge: str
    metric: str
    expected: Direction


def _claim(lever: Lever, edge: str, metric: str, expected: Direction) -> Claim:
    return Claim(lever=lever, edge=edge, metric=metric, expected=expected)


CLAIMS = (
    _claim(Lever.PARALLEL_TOOLS, "A → G", "reduction_pct", "rises"),
    _claim(Lever.PARALLEL_TOOLS, "A → G", "tokens_per_correct", "falls"),
    _claim(Lever.SPECIALIZATION, "A → H", "reduction_pct", "rises"),
    _claim(Lever.SPECIALIZATION, "A → H", "tokens_per_correct", "falls"),
    _claim(Lever.PARALLEL_TOOLS, "B → G", "coordination_overhead_s", "falls"),
    _claim(Lever.CONTEXT_ISOLATION, "B → K", "coordination_overhead_s", "falls"),
    _claim(Lever.CONTEXT_ISOLATION, "B → K", "handoff_tokens", "falls"),
    _claim(Lever.CONTEXT_BUDGET, "C → I", "decode_tps", "rises"),
    _claim(Lever.FP8_KV_CACHE, "C → J", "decode_tps", "rises"),
    _claim(Lever.FP8_KV_CACHE, "D → J", "prefill_tps", "rises"),
    _claim(Lever.FP8_KV_CACHE, "E → J", "kv_cache_usage_peak_ratio", "falls"),
    _claim(Lever.CONTEXT_BUDGET, "F → I", "context_utilisation_ratio", "falls"),
    _claim(Lever.RESULT_CACHE, NO_EDGE, "cache_hit_ratio", "rises"),
    _claim(Lever.RESULT_CACHE, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.RESULT_CACHE, NO_EDGE, "wrong_hit_ratio", "falls"),
    _claim(Lever.FIXED_EDGES, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.FIXED_EDGES, NO_EDGE, "supervisor_tokens", "falls"),
    _claim(Lever.CONTEXT_ISOLATION, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.CONTEXT_BUDGET, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.DEDUPE, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.PASSAGE_CHOICE, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.PASSAGE_CHOICE, NO_EDGE, "tokens_per_correct", "falls"),
    _claim(Lever.PREFIX_ORDER, NO_EDGE, "computed_reduction_pct", "rises"),
    _claim(Lever.NO_VALIDATION, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.NO_HANDOFF_MESSAGES, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.LAST_MESSAGE_ONLY, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.LAST_MESSAGE_ONLY, NO_EDGE, "context_utilisation_ratio", "falls"),
    _claim(Lever.FORWARD_MESSAGE, NO_EDGE, "reduction_pct", "rises"),
    _claim(Lever.FORWARD_MESSAGE, NO_EDGE, "supervisor_tokens", "falls"),
    *(_claim(lever, NO_EDGE, "passed", "rises" if lever is Lever.PASSAGE_CHOICE else "stays") for lever in Lever),
)
"""All nine edges of the chart, and what the other levers are for: to save, at the same quality, or to read better."""

WHOLE: tuple[tuple[str, str, Direction], ...] = (
    ("A", "reduction_pct", "rises"),
    ("B", "coordination_overhead_s", "falls"),
    (NO_EDGE, "passed", "rises"),
)
"""Edge, metric and direction of what all levers together are claimed to do: `tuned` against `naive_supervisor`."""
