"""An arm is folded part by part: what a part holds changes no row, and no attempt is lost between two."""

import pytest

from docmind_core.runs.folding import FOLDED, fold_arm
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal
from docmind_core.tables import arrow_rows
from docmind_core.tables.segments import read_segment
from tests.runs.running import interrupt, run


def name_of(row):
    return row["call_id"], row["attempt"]


@pytest.fixture
def interrupted(home, make_suite, engine, monkeypatch):
    """An arm that two processes worked on, the first one killed within a query."""
    suite = make_suite(arms=["naive_supervisor"], limit=3, replicates=2, warmup=1, concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after=20)
    run(home, suite, key)
    return key


def test_an_arm_has_the_same_rows_whatever_is_held_at_once(home, interrupted, monkeypatch):
    run_id = f"{interrupted}.naive_supervisor"
    whole = {table: read_segment(home.tables, table, run_id) for table in FOLDED}
    with Journal(journal_path(home, interrupted), read_only=True) as journal:
        booked = {name_of(row) for row, _ in journal.attempts(run_id)}
        monkeypatch.setattr(Journal, "PART", 1)
        monkeypatch.setattr(arrow_rows, "ROW_GROUP", 2)
        fold_arm(home, journal, run_id, 6)

    assert {table: read_segment(home.tables, table, run_id) for table in FOLDED} == whole
    assert len(whole["query_runs"]) == 3 * 2 + 1
    assert {name_of(row) for row in whole["llm_calls"]} == booked
    assert len(whole["llm_calls"]) == len(booked)


def test_calls_of_queries_that_never_finished_are_in_the_table(home, interrupted):
    run_id = f"{interrupted}.naive_supervisor"
    with Journal(journal_path(home, interrupted)) as journal:
        finished = journal.finished_keys(run_id)
        query = min(finished)
        journal._write("delete from finished_queries where (query_id, replicate) = (?, ?)", query)
        fold_arm(home, journal, run_id, 6)
        attempts = [row for row, _ in journal.attempts(run_id) if (row["query_id"], row["replicate"]) == query]

    calls = read_segment(home.tables, "llm_calls", run_id)
    assert [row["call_id"] for row in calls if (row["query_id"], row["replicate"]) == query] == [
        row["call_id"] for row in attempts
    ]
    assert query not in {(row["query_id"], row["replicate"]) for row in read_segment(home.tables, "query_runs", run_id)}
    assert read_segment(home.tables, "runs", run_id)[0]["status"] == "incomplete"


def test_totals_of_an_arm_leave_the_warm_up_out_and_know_what_is_unknown(home, interrupted):
    run_id = f"{interrupted}.naive_supervisor"
    rows = [row for row in read_segment(home.tables, "query_runs", run_id) if row["phase"] == "measured"]
    with Journal(journal_path(home, interrupted)) as journal:
        totals, billed = journal.totals(run_id), journal.billed_tokens(run_id)
        assert (totals.queries, totals.failed) == (6, 0)
        assert totals.completion_tokens == sum(row["completion_tokens"] for row in rows)
        assert {key: billed[key] for key in billed if key[1] >= 0} == {
            (row["query_id"], row["replicate"]): row["billed_tokens"] for row in rows
        }
        unknown = "update finished_queries set rows = json_set(rows, '$.query_runs[0].completion_tokens', null)"
        journal._write(f"{unknown} where (query_id, replicate) = (?, ?)", min(journal.finished_keys(run_id)))
        assert journal.totals(run_id).completion_tokens is None
