"""A run that breaks in the middle of a query: finished calls are replayed, and never paid for twice."""

import json
from collections import Counter

import pytest

from docmind_core.errors import RunError
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.journal import Journal
from docmind_core.suites.suite import Suite
from tests.documents import write_query_set
from tests.fakes.openai_engine import OpenaiEngine
from tests.runs.running import run, select
from tests.systems.conftest import HERE, reply


def interrupted(home, engine, tmp_path, monkeypatch, name):
    """Run the system until its second call is about to be booked, then again without the fault."""
    queries = [
        {"query_id": f"q{n}", "query": f"What is {n}?", "answers": ["blue"], "gold_doc_ids": ["d1"]} for n in (1, 2)
    ]
    suite = Suite.model_validate(
        {
            "name": "toy",
            "query_set": str(write_query_set(tmp_path / "set", queries=queries)),
            "engine": engine.url,
            "arms": [],
            "warmup": 0,
            "concurrency": 1,
            "systems": {"mine": {"callable": f"asking_systems.py:{name}", "folder": str(HERE)}},
        }
    )
    key = freeze_benchmark_run(suite, home)
    book, bookings = Journal.book_attempt, Counter()

    def fail_at_the_second_call(self, key, row, **facts):
        bookings["begun"] += not facts["ended"]
        if bookings["begun"] == 2:
            raise RunError("the disk is full")
        book(self, key, row, **facts)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "book_attempt", fail_at_the_second_call)
        with pytest.raises(RunError, match="the disk is full"):
            run(home, suite, key)
    engine.requests.clear()
    run(home, suite, key)
    return Counter(json.dumps(body["messages"]) for body in engine.requests)


def test_a_finished_call_is_replayed_and_the_ledger_balances(home, tmp_path, monkeypatch):
    with OpenaiEngine(reply=reply) as engine:
        asked = interrupted(home, engine, tmp_path, monkeypatch, "two_agents")

    assert sorted(asked.values()) == [1, 1, 1]  # of four calls, one was finished before; nothing is probed again
    assert select(home, "select state from ledger_balance") == [("balanced",)]
    rows = select(home, "select calls, attempts, not_replayable, times_missing_because from query_runs order by 4")
    assert rows == [(2, 2, False, "resumed"), (2, 2, False, None)]


def test_a_system_that_asks_otherwise_after_an_interruption_is_flagged_and_its_tokens_unknown(
    home, tmp_path, monkeypatch
):
    with OpenaiEngine(reply=reply) as engine:
        interrupted(home, engine, tmp_path, monkeypatch, "changing")

    rows = select(
        home, "select not_replayable, billed_tokens is null, tokens_missing_because from query_runs order by 1"
    )
    assert rows == [(False, False, None), (True, True, "unreconciled")]
    assert select(home, "select state from ledger_balance") == [("balanced",)]
