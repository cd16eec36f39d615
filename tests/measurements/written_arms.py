"""Arms as segments, and what comparing them says."""

from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment
from tests.builders import (
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

SUITE = Suite(name="s", query_set="x")
SMALL = Suite(name="s", query_set="x", min_n=60)
NAIVE, TUNED, SINGLE = "k.naive_supervisor", "k.tuned", "k.single_pass"


METRICS = ("passed", "exact_match", "token_f1", "evidence_recall")


def write_arm(settings, run_id, billed, passed=None, *, run=None, rows=None, score=None, metrics=METRICS, ledger=True):
    """Write an arm that spent `billed` tokens and passed (or not) on query 0, 1, ...; `rows` are further columns.

    Each of `rows` is one value for all queries, or a list with one for each.
    """
    passed = [1.0] * len(billed) if passed is None else passed
    names = [f"q{place:03}" for place in range(len(billed))]
    write_rows(
        settings,
        {
            "runs": [make_run_row(run_id, **(run or {}))],
            "query_runs": [
                make_query_run_row(name, **{"billed_tokens": tokens, "completion_tokens": 1, **_at(rows or {}, place)})
                for place, (name, tokens) in enumerate(zip(names, billed, strict=True))
            ],
            **(balanced_ledger() if ledger else {}),
            "measurements": [
                make_score_row(metric, value, name, **(score or {}))
                for metric in metrics
                for name, value in zip(names, passed, strict=True)
            ],
        },
        run_id,
    )


def _at(rows, place):
    return {name: value[place] if isinstance(value, list) else value for name, value in rows.items()}


def balanced_ledger():
    """One call, of another query, that the engine counted just as we booked it."""
    growth = {"prompt_tokens": 10, "generation_tokens": 3, "request_success": 1}
    return {"llm_calls": [make_call_row(query_id="ledger")], "engine_counters": make_counter_rows(growth)}


def varied(mean, count=80):
    """Tokens of queries that differ, in another order for each mean."""
    return [round(mean * (0.8 + 0.4 * ((place * (7 if mean > 500 else 3)) % 10) / 10)) for place in range(count)]


def compare(settings, suite=SUITE, *, metric="billed_tokens", candidate=TUNED, baseline=NAIVE, kind="all"):
    compare_arms(settings, "k", suite)
    rows = read_segment(settings.tables, "comparisons", candidate)
    (row,) = (row for row in rows if (row["metric"], row["baseline_run_id"], row["slice"]) == (metric, baseline, kind))
    return row
