"""What the calls of one arm were billed for, query by query: by agent, and within which bounds."""

import numpy as np

from docmind_core.measurements.arm_values import ArmValues, Numbers, QueryValues, Row
from docmind_core.tables.definitions import UNMEASURED
from docmind_core.tables.segments import read_columns

_OF_CALLS = ("query_id", "replicate", "agent", "phase", "role", "billed_tokens", "tokens_missing_because")
_BOUNDED = (
    *("query_id", "replicate", "phase", "role", "status", "billed_tokens", "billed_tokens_low", "billed_tokens_high"),
    *("prompt_tokens", "prompt_tokens_est", "max_tokens"),
)


def billed_by_agent(run: ArmValues) -> dict[str, QueryValues]:
    """Return the billed tokens of each agent, a value per query: the mean over its replicates.

    An agent that was not called for a query cost nothing there. A value is unknown where the usage of one call is.
    """
    calls = read_columns(run.folder, "llm_calls", run.run_id, _OF_CALLS)
    row_of = {key: at for at, key in enumerate(zip(run.rows["query_id"], run.rows["replicate"], strict=True))}
    rows = [row_of.get(key, -1) for key in zip(calls["query_id"], calls["replicate"], strict=True)]
    counted = [
        at
        for at, (row, phase, role) in enumerate(zip(rows, calls["phase"], calls["role"], strict=True))
        if row >= 0 and phase not in UNMEASURED and role != "judge"
    ]
    calls_of: dict[str, list[int]] = {}
    for at in counted:
        calls_of.setdefault(str(calls["agent"][at] or "unknown"), []).append(at)
    billed, places = np.array(calls["billed_tokens"], dtype=float), np.array(rows, dtype=np.int64)
    asked = np.ones(len(run.queries), dtype=bool)
    found = {}
    for name, of_agent in sorted(calls_of.items()):
        sums = np.zeros(len(run.places))
        np.add.at(sums, places[of_agent], billed[of_agent])
        unknown = (at for at in of_agent if calls["billed_tokens"][at] is None)
        reasons = {int(run.places[rows[at]]): str(calls["tokens_missing_because"][at] or "no_usage") for at in unknown}
        found[name] = QueryValues(values=run.mean(sums), asked=asked, reasons=reasons)
    return found


def billed_bounds(run: ArmValues) -> tuple[Numbers, Numbers]:
    """Return the least and the most that each query can have been billed; NaN where nothing bounds it."""
    low = np.array(run.rows["billed_tokens"], dtype=float)
    high = low.copy()
    unknown = np.flatnonzero(np.isnan(low)).tolist()
    sums = _bounds_of_calls(run) if unknown else {}
    for at in unknown:
        key = (run.rows["query_id"][at], run.rows["replicate"][at])
        low[at], high[at] = sums.get(key, (np.nan, np.nan))
    return run.mean(low), run.mean(high)


def _bounds_of_calls(run: ArmValues) -> dict[tuple[object, object], tuple[float, float]]:
    columns = read_columns(run.folder, "llm_calls", run.run_id, _BOUNDED)
    found: dict[tuple[object, object], tuple[float, float]] = {}
    for values in zip(*columns.values(), strict=True):
        call = dict(zip(_BOUNDED, values, strict=True))
        if call["phase"] in UNMEASURED or call["role"] == "judge":
            continue
        key = (call["query_id"], call["replicate"])
        low, high = _bounds(call, run.row.get("max_model_len"))
        below, above = found.get(key, (0.0, 0.0))
        found[key] = (below + low, above + high)
    return found


def _bounds(call: Row, window: object) -> tuple[float, float]:
    """Return the least and the most that a call can have been billed; the most is NaN where nothing bounds it."""
    booked, prompt = call["billed_tokens"], call["prompt_tokens"] or call["prompt_tokens_est"]
    if isinstance(booked, int) and call["status"] != "cut_off":
        return booked, booked
    low, high = call["billed_tokens_low"] or booked or 0, call["billed_tokens_high"]
    if high is None and isinstance(prompt, int) and isinstance(call["max_tokens"], int):
        high = prompt + call["max_tokens"]
    known = high if high is not None else window
    return float(str(low)), float(str(known)) if known is not None else np.nan
