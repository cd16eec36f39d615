"""Figures of a whole run whose intervals SQL can't take: rows of `run_estimates`."""

import math
from collections.abc import Sequence

from docmind_core.measurements.arm_values import ArmValues, slices_of
from docmind_core.measurements.paired import number
from docmind_core.statistics.estimates import N_TOO_SMALL
from docmind_core.statistics.pairs import log_ratio_of_sums

TOKENS_PER_CORRECT = "tokens_per_correct"


def tokens_per_correct_rows(arm: ArmValues) -> list[dict[str, object]]:
    """Return `tokens_per_correct` of an arm over all queries and over each slice, by the rule of `quality_summary`."""
    passed = {
        (arm.scores["query_id"][at], arm.scores["replicate"][at]): at
        for at, metric in enumerate(arm.scores["metric"])
        if metric == "passed"
    }
    keys = zip(arm.rows["query_id"], arm.rows["replicate"], strict=True)
    scored = [(at, passed[key]) for at, key in enumerate(keys) if key in passed]
    slices: dict[str, list[tuple[int, int]]] = {"all": scored, **{name: [] for name in arm.slices}}
    for at, score in scored:
        for name in slices_of(arm.rows["query_type"][at], arm.rows["tags"][at]):
            slices[name].append((at, score))
    return [
        {"run_id": arm.run_id, "metric": TOKENS_PER_CORRECT, "slice": name} | _tokens_per_correct(arm, rows)
        for name, rows in slices.items()
        if rows
    ]


def _tokens_per_correct(arm: ArmValues, scored: Sequence[tuple[int, int]]) -> dict[str, object]:
    known = [(at, value) for at, score in scored if (value := number(arm.scores["value"][score])) is not None]
    clusters = [str(arm.rows["cluster_id"][at] or arm.rows["query_id"][at]) for at, _ in known]
    counts = {"n": len(known), "clusters": len(set(clusters))}
    because = _missing_because(arm, scored, known)
    if because is not None:
        return {**counts, "missing_because": because, "interval_missing_because": because}
    billed = [number(arm.rows["billed_tokens"][at]) or 0.0 for at, _ in known]
    passes = [value for _, value in known]
    found = log_ratio_of_sums(billed, passes, clusters)
    has_interval = found is not None and found.low is not None and found.high is not None
    return {
        **counts,
        "value": sum(billed) / sum(passes),
        "low": math.exp(found.low) if found and found.low is not None else None,
        "high": math.exp(found.high) if found and found.high is not None else None,
        "interval_missing_because": None if has_interval else N_TOO_SMALL,
    }


def _missing_because(
    arm: ArmValues, scored: Sequence[tuple[int, int]], known: Sequence[tuple[int, float]]
) -> str | None:
    if not known:
        return str(arm.scores["missing_because"][scored[0][1]])
    if not any(value for _, value in known):
        return "no_correct"
    if all(arm.rows["billed_tokens"][at] == 0 for at, _ in known):
        return "no_model_call"
    unknown = [at for at, _ in known if arm.rows["billed_tokens"][at] is None]
    return str(arm.rows["tokens_missing_because"][unknown[0]] or "no_usage") if unknown else None
