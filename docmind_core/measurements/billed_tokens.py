"""Billed tokens of one arm per query: by agent, and their bounds."""

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_values import ArmValues, Numbers, QueryValues, Row
from docmind_core.tables.columns import Column, Columns, query_keys, read_coded
from docmind_core.tables.definitions import UNMEASURED

_OF_CALLS = ("query_id", "replicate", "agent", "phase", "role", "billed_tokens", "tokens_missing_because")
_BOUNDED = (
    *("query_id", "replicate", "phase", "role", "status", "billed_tokens", "billed_tokens_low", "billed_tokens_high"),
    *("prompt_tokens", "prompt_tokens_est", "max_tokens"),
)


def billed_by_agent(run: ArmValues) -> dict[str, QueryValues]:
    """Return the billed tokens of each agent, a value per query: the mean over its replicates.

    An agent that was not called for a query cost nothing there. A value is unknown where the usage of one call is.
    """
    calls = read_coded(run.folder, "llm_calls", run.run_id, _OF_CALLS)
    rows = _rows_of_calls(run, calls)
    billed = calls["billed_tokens"].numbers()
    asked = np.ones(len(run.queries), dtype=bool)
    found = {}
    named = Column.of(str(agent or "unknown") for agent in calls["agent"]).by_value()
    for name in sorted(map(str, named)):
        of_agent = named[name][rows[named[name]] >= 0]
        if not len(of_agent):
            continue
        sums = np.bincount(rows[of_agent], weights=billed[of_agent], minlength=len(run.places)).astype(float)
        unknown = of_agent[np.isnan(billed[of_agent])].tolist()
        reasons = {int(run.places[rows[at]]): str(calls["tokens_missing_because"][at] or "no_usage") for at in unknown}
        found[name] = QueryValues(values=run.mean(sums), asked=asked, reasons=reasons)
    return found


def _rows_of_calls(run: ArmValues, calls: Columns) -> NDArray[np.int64]:
    """Return for each call the place of the row of its query; -1 for one that is not measured."""
    counted = calls["phase"].each(lambda phase: phase not in UNMEASURED, bool)
    counted &= calls["role"].each(lambda role: role != "judge", bool)
    return np.where(counted, run.places_of_rows(query_keys(calls, run.place_of)), -1)


def billed_bounds(run: ArmValues) -> tuple[Numbers, Numbers]:
    """Return the least and the most that each query can have been billed; NaN where nothing bounds it."""
    low = run.rows["billed_tokens"].numbers()
    high = low.copy()
    unknown = np.flatnonzero(np.isnan(low))
    if len(unknown):
        below, above = _bounds_of_rows(run, unknown)
        low[unknown], high[unknown] = below[unknown], above[unknown]
    return run.mean(low), run.mean(high)


def _bounds_of_rows(run: ArmValues, wanted: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Return the sums over the calls of some rows of queries; NaN for a row without calls."""
    calls = read_coded(run.folder, "llm_calls", run.run_id, _BOUNDED)
    rows = _rows_of_calls(run, calls)
    bounds = np.zeros((2, len(run.places)))
    bounds[:, np.setdiff1d(wanted, rows)] = np.nan
    for at in np.flatnonzero(np.isin(rows, wanted)).tolist():
        call = {name: column[at] for name, column in calls.items()}
        bounds[:, rows[at]] += _bounds(call, run.row.get("max_model_len"))
    return bounds[0], bounds[1]


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
