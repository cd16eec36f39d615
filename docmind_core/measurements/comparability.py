"""Whether two runs may be compared at all, and whether their tokens add up."""

from collections.abc import Mapping, Sequence
from pathlib import Path

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
"""What a column stood at in runs of a version that did not write it yet."""

NOT_EXCLUSIVE_CACHE = "not_exclusive_cache"
"""Why cached tokens of two arms are not compared where `cache_is_unknown`."""

_LEDGER = "select run_id, engine_session from ledger_balance where state = $state order by all"
_LEDGER_TABLES = ("runs", "llm_calls", "engine_counters")


def obstacles(candidate: Mapping[str, object], baseline: Mapping[str, object]) -> list[str]:
    """Return why two rows of `runs` can't be compared, one clause each; empty when they can."""
    found = [
        f"{column} differs ({_shown(_value(candidate, column))} against {_shown(_value(baseline, column))})"
        for column in MUST_BE_EQUAL
        if _value(candidate, column) != _value(baseline, column)
    ]
    for run in (candidate, baseline):
        if run["status"] not in {"finished", None}:
            found.append(f"{run['arm']} is {run['status']}")
        if run["comparable"] is False:
            found.append(f"{run['arm']} was resumed with a changed suite, code or prompt")
    if candidate["plumbing"]:
        found.append("the model only checks the plumbing: its quality means nothing")
    return found


def cache_is_unknown(candidate: Mapping[str, object], baseline: Mapping[str, object]) -> bool:
    """Say whether the engine's prefix cache may have helped one arm more than the other: what it saved isn't theirs."""
    return bool({candidate["prefix_cache_state"], baseline["prefix_cache_state"]} & {"unknown", None})


def _value(run: Mapping[str, object], column: str) -> object:
    value = run.get(column)
    return _BEFORE_IT_WAS_WRITTEN.get(column) if value is None else value


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
