"""Figures of a whole run whose intervals SQL can't take: rows of `run_estimates`."""

import math
from collections.abc import Sequence

from docmind_core.measurements.arm_values import ArmValues, slices_of
from docmind_core.measurements.paired import Row, number
from docmind_core.statistics.estimates import N_TOO_SMALL
from docmind_core.statistics.pairs import log_ratio_of_sums

TOKENS_PER_CORRECT = "tokens_per_correct"


def tokens_per_correct_rows(arm: ArmValues) -> list[dict[str, object]]:
    """Return `tokens_per_correct` of an arm over all queries and over each slice, by the rule of `quality_summary`."""
    passed = {
        (score["query_id"], score["replicate"]): score
        for score in arm.scores
        if score["metric"] == "passed" and score["draw"] == 0
    }
    scored = [query for query in arm.query_rows if (query["query_id"], query["replicate"]) in passed]
    slices = {"all": scored, **{name: [q for q in scored if name in slices_of(q)] for name in arm.slices}}
    return [
        {"run_id": arm.run_id, "metric": TOKENS_PER_CORRECT, "slice": name}
        | _tokens_per_correct([(query, passed[query["query_id"], query["replicate"]]) for query in queries])
        for name, queries in slices.items()
        if queries
    ]


def _tokens_per_correct(scored: Sequence[tuple[Row, Row]]) -> dict[str, object]:
    known = [(query, value) for query, score in scored if (value := number(score["value"])) is not None]
    costs = [number(query["billed_tokens"]) for query, _ in known]
    clusters = [str(query["cluster_id"] or query["query_id"]) for query, _ in known]
    counts = {"n": len(known), "clusters": len(set(clusters))}
    because = _missing_because(scored, known)
    if because is not None:
        return {**counts, "missing_because": because, "interval_missing_because": because}
    billed, passes = [cost or 0.0 for cost in costs], [value for _, value in known]
    found = log_ratio_of_sums(billed, passes, clusters)
    has_interval = found is not None and found.low is not None and found.high is not None
    return {
        **counts,
        "value": sum(billed) / sum(passes),
        "low": math.exp(found.low) if found and found.low is not None else None,
        "high": math.exp(found.high) if found and found.high is not None else None,
        "interval_missing_because": None if has_interval else N_TOO_SMALL,
    }


def _missing_because(scored: Sequence[tuple[Row, Row]], known: Sequence[tuple[Row, float]]) -> str | None:
    if not known:
        return str(scored[0][1]["missing_because"])
    if not any(value for _, value in known):
        return "no_correct"
    unknown = [query for query, _ in known if query["billed_tokens"] is None]
    return str(unknown[0]["tokens_missing_because"] or "no_usage") if unknown else None
