"""Whether two runs may be compared at all, and whether their tokens add up."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from docmind_core.measurements.arm_values import ArmValues
from docmind_core.tables.reading import query_segments

MUST_BE_EQUAL = (
    "engine_version",
    "batch_invariant",
    "model",
    "model_revision",
    "judge_hash",
    "corpus_hash",
    "query_set_hash",
    "level",
    "routing",
    "replicates",
    "context_budget",
)
"""Columns of `runs`; a comparison of two runs that differ in one of them says nothing about the arms."""

_BEFORE_IT_WAS_WRITTEN = {"context_budget": 2048}
"""Value of a column in runs of a version that did not write it yet."""

NOT_EXCLUSIVE_CACHE = "not_exclusive_cache"
"""Why cached tokens of two arms are not compared where `cache_is_unknown`."""

OF_THE_ARM = frozenset({"arm", "context_budget", "system"})
"""Conditions in which the arms of one benchmark run may differ: it is what they are compared for."""

NOT_OWN_MAX = 0.10
"""Share of a run's answers that may be fallbacks or empty."""

LEDGER_STATES = ("balanced", "no_metrics", "not_exclusive", "unreconciled", "unbalanced")
"""From the best to the worst."""
ALLOWED_WITHOUT_LEDGER = frozenset(LEDGER_STATES[1:4])

_LEDGER = "select run_id, engine_session from ledger_balance where state = $state order by all"
_LEDGER_TABLES = ("runs", "llm_calls", "engine_counters")


def obstacles(
    candidate: Mapping[str, object], baseline: Mapping[str, object], *, about: Collection[str] = ()
) -> list[str]:
    """Return why two rows of `runs` can't be compared, one clause each; empty when they can.

    Args:
        candidate: The run judged.
        baseline: The run compared against.
        about: Fields that may differ, since the comparison is about them.
    """
    found = [
        f"{column} differs ({_shown(_value(candidate, column))} against {_shown(_value(baseline, column))})"
        for column in MUST_BE_EQUAL
        if column not in about and _value(candidate, column) != _value(baseline, column)
    ]
    found += [
        f"{name} differs ({_shown(ours)} against {_shown(theirs)})"
        for name, ours, theirs in _different_conditions(candidate, baseline)
        if name not in MUST_BE_EQUAL and name not in about
    ]
    for run in (candidate, baseline):
        if run["status"] not in {"finished", None}:
            found.append(f"{run['arm']} is {run['status']}")
        if run["comparable"] is False and "comparable" not in about:
            found.append(f"{run['arm']} was resumed with a changed suite, code or prompt")
    if candidate["plumbing"] or baseline["plumbing"]:
        found.append("the model only checks the plumbing: its quality means nothing")
    return found


def cache_is_unknown(candidate: Mapping[str, object], baseline: Mapping[str, object]) -> bool:
    """Say whether the engine's prefix cache may have helped one arm more than the other: what it saved isn't theirs."""
    return bool({candidate["prefix_cache_state"], baseline["prefix_cache_state"]} & {"unknown", None})


def _value(run: Mapping[str, object], column: str) -> object:
    value = run.get(column)
    return _BEFORE_IT_WAS_WRITTEN.get(column) if value is None else value


def _different_conditions(
    candidate: Mapping[str, object], baseline: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    ours, theirs = (json.loads(str(run.get("conditions") or "{}")) for run in (candidate, baseline))
    return [
        (name, ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs} - OF_THE_ARM)
        if ours and theirs and ours.get(name) != theirs.get(name)
    ]


def not_run(run: ArmValues) -> str | None:
    """Say why a run is nothing to compare with: its answers are mostly not its own. None when they are."""
    counts, asked = run.answers(), len(run.places)
    answered = counts["answered"]
    if answered == 0:
        return f"{run.arm} did not run: 0 of {asked} queries were answered"
    foreign = counts["fallback"] + counts["empty"]
    if foreign <= NOT_OWN_MAX * answered:
        return None
    kinds = [kind for kind, count in (("fallbacks", counts["fallback"]), ("empty", counts["empty"])) if count]
    asks = " (does the engine support structured output?)" if counts["fallback"] else ""
    return f"{run.arm} did not run: {foreign} of {answered} answers are {' or '.join(kinds)}{asks}"


def ledger_states(folder: Path, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each run's ledger, the worst of its engine sessions; a run without calls has none."""
    _, rows = query_segments(folder, run_ids, "select run_id, state from ledger_balance", {}, tables=_LEDGER_TABLES)
    found: dict[str, str] = {}
    for run_id, state in rows:
        found[str(run_id)] = max(found.get(str(run_id), "balanced"), str(state), key=LEDGER_STATES.index)
    return found


def ledger_obstacles(
    runs: Sequence[ArmValues], states: Mapping[str, str], *, without: bool
) -> tuple[list[str], str | None]:
    """Return which ledgers forbid a claim, one clause each, and what a claim that goes without has to say.

    Args:
        runs: Both runs.
        states: By run id, from `ledger_states`.
        without: The suite's `claim_without_ledger`: a ledger that could not be balanced is allowed, a wrong one never.
    """
    found, allowed = [], []
    for run in runs:
        state = states.get(run.run_id)
        if state is None:
            found.append(f"{run.arm} has no ledger: no call was booked")
        elif without and state in ALLOWED_WITHOUT_LEDGER:
            allowed.append(f"that of {run.arm} is {state}")
        elif state != "balanced":
            found.append(f"the ledger of {run.arm} is {state}")
    if not allowed:
        return found, None
    return found, f"without a balanced ledger ({', '.join(allowed)}), as the suite's claim_without_ledger allows"


def unbalanced_runs(folder: Path, run_ids: Sequence[str]) -> frozenset[str]:
    """Return the runs whose ledger does not balance with the engine's counters."""
    return _runs_in_state(folder, run_ids, "unbalanced")


def shared_runs(folder: Path, run_ids: Sequence[str]) -> frozenset[str]:
    """Return the runs during which others used the engine: its counters are not those of the run alone."""
    return _runs_in_state(folder, run_ids, "not_exclusive")


def _runs_in_state(folder: Path, run_ids: Sequence[str], state: str) -> frozenset[str]:
    _, rows = query_segments(folder, run_ids, _LEDGER, {"state": state}, tables=_LEDGER_TABLES)
    return frozenset(str(row[0]) for row in rows)


def _shown(value: object) -> str:
    text = "unknown" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
