"""Whether two runs may be compared at all, and whether their tokens add up."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.measurements.arm_values import ArmValues
from docmind_core.runs.run_differences import UNSAID
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
"""Reason that cached tokens of two arms are not compared if `cache_is_unknown`."""

OF_THE_ARM = frozenset({"arm", "context_budget", "system"})
"""Conditions in which the arms of one benchmark run may differ: it is what they are compared for."""

NOT_OWN_MAX = 0.10
"""Share of a run's answers that may be fallbacks or empty."""

BALANCED, UNBALANCED = "balanced", "unbalanced"
LEDGER_STATES = (BALANCED, "no_metrics", "not_exclusive", "unreconciled", UNBALANCED)
"""From the best to the worst."""
ALLOWED_WITHOUT_LEDGER = frozenset(LEDGER_STATES[1:4])

_LEDGER = """
select run_id, state, ledger_prompt_tokens + ledger_completion_tokens, engine_prompt_tokens + engine_completion_tokens,
    because
from ledger_balance
order by run_id, engine_session
"""
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
        found.append(f"ran on {candidate['model'] or 'an unnamed model'}, a smoke-test model")
    return found


def cache_is_unknown(candidate: Mapping[str, object], baseline: Mapping[str, object]) -> bool:
    """Say whether the engine's prefix cache may have helped one arm more than the other: what it saved isn't theirs."""
    return bool({candidate["prefix_cache_state"], baseline["prefix_cache_state"]} & {"unknown", None})


def load_adapted(candidate: Mapping[str, object], baseline: Mapping[str, object]) -> str | None:
    """Return why times of two runs are not comparable if `concurrency: auto` adapted their load; else None."""
    if not any(
        json.loads(str(run.get("conditions") or "{}")).get("concurrency") == "auto" for run in (candidate, baseline)
    ):
        return None
    return "concurrency: auto gave the two runs different loads; set a number to compare times"


def _value(run: Mapping[str, object], column: str) -> object:
    value = run.get(column)
    return _BEFORE_IT_WAS_WRITTEN.get(column) if value is None else value


def _different_conditions(
    candidate: Mapping[str, object], baseline: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    ours, theirs = (json.loads(str(run.get("conditions") or "{}")) for run in (candidate, baseline))
    if not ours or not theirs:
        return []
    ours, theirs = {**UNSAID, **ours}, {**UNSAID, **theirs}
    return [
        (name, ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs} - OF_THE_ARM)
        if ours.get(name) != theirs.get(name)
    ]


def not_run(run: ArmValues) -> str | None:
    """Say why a run is nothing to compare with: its answers are mostly not its own. None when they are."""
    counts, asked = run.answers(), len(run.places)
    answered = counts["answered"]
    if answered == 0:
        return f"{run.arm} did not run (0 of {asked} queries were answered)"
    foreign = counts["fallback"] + counts["empty"]
    if foreign <= NOT_OWN_MAX * answered:
        return None
    kinds = [kind for kind, count in (("fallbacks", counts["fallback"]), ("empty", counts["empty"])) if count]
    asks = ", does the engine support structured output?" if counts["fallback"] else ""
    return f"{run.arm} did not run ({foreign} of {answered} answers are {' or '.join(kinds)}{asks})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLedger:
    """What was booked of one engine session of a run, and what the engine counted."""

    run_id: str
    state: str
    """One of `LEDGER_STATES`."""
    booked_tokens: int
    """Prompt and completion tokens."""
    counted_tokens: int | None
    """The same by the engine; None where its counters were not read."""
    because: str | None


def read_ledgers(folder: Path, run_ids: Sequence[str]) -> list[SessionLedger]:
    """Return the ledgers of some runs, one per engine session; a run without calls may have none."""
    _, rows = query_segments(folder, run_ids, _LEDGER, {}, tables=_LEDGER_TABLES)
    return [
        SessionLedger(
            run_id=str(run_id),
            state=str(state),
            booked_tokens=int(str(booked)),
            counted_tokens=None if counted is None else int(str(counted)),
            because=None if because is None else str(because),
        )
        for run_id, state, booked, counted, because in rows
    ]


def ledger_states(folder: Path, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each run's ledger, the worst of its engine sessions; a run without calls has none."""
    found: dict[str, str] = {}
    for one in read_ledgers(folder, run_ids):
        found[one.run_id] = max(found.get(one.run_id, BALANCED), one.state, key=LEDGER_STATES.index)
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
            found.append(f"{run.arm} has no ledger, as no call was booked")
        elif without and state in ALLOWED_WITHOUT_LEDGER:
            allowed.append(f"that of {run.arm} is {state}")
        elif state != BALANCED:
            found.append(f"the ledger of {run.arm} is {state}")
    if not allowed:
        return found, None
    return found, f"without a balanced ledger ({', '.join(allowed)}), as the suite's claim_without_ledger allows"


def unbalanced_runs(folder: Path, run_ids: Sequence[str]) -> frozenset[str]:
    """Return the runs whose ledger does not balance with the engine's counters."""
    return _runs_in_state(folder, run_ids, UNBALANCED)


def shared_runs(folder: Path, run_ids: Sequence[str]) -> frozenset[str]:
    """Return the runs during which others used the engine: its counters are not those of the run alone."""
    return _runs_in_state(folder, run_ids, "not_exclusive")


def _runs_in_state(folder: Path, run_ids: Sequence[str], state: str) -> frozenset[str]:
    return frozenset(one.run_id for one in read_ledgers(folder, run_ids) if one.state == state)


def _shown(value: object) -> str:
    text = "unknown" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
