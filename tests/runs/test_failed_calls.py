"""A resumed query goes the way it went before, past the calls that failed for good."""

from collections import deque

import pytest

from docmind_core.errors import EngineUnreachable
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.journal import Journal
from tests.runs.running import Killed, run, select


def outcome(home, key):
    """What was answered around, and what the query cost."""
    of_run = f"where starts_with(run_id, '{key}')"
    failures = select(home, f"select agent, outcome, error_type, error_message from agent_failures {of_run}")
    cost = select(home, f"select status, calls, billed_tokens, tokens_missing_because from query_runs {of_run}")
    return sorted(map(str, failures)), cost


def killed_before_booking(home, suite, monkeypatch):
    """Begin a run that dies before the transaction of its only query; return its key."""
    key = freeze_benchmark_run(suite, home)

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "finish_query", die)
        with pytest.raises(Killed):
            run(home, suite, key)
    return key


@pytest.mark.parametrize(("fault", "agent_deadline_s"), [("garbage", None), (400, None), ("hang", 5)])
def test_an_agent_that_failed_has_failed_when_its_query_is_resumed_and_costs_the_same(
    home, make_suite, engine, monkeypatch, fault, agent_deadline_s
):
    suite = make_suite(arms=["naive_supervisor"], limit=1, agent_deadline_s=agent_deadline_s)
    engine.faults = deque([None, None, fault])
    expected = outcome(home, run(home, suite))
    assert len(expected[0]) > 1, "one failed, others were skipped"

    engine.faults = deque([None, None, fault])
    key = killed_before_booking(home, suite, monkeypatch)
    asked = len(engine.requests)
    run(home, suite, key)

    assert len(engine.requests) == asked, "nothing is asked again"
    assert outcome(home, key) == expected


def test_a_call_that_failed_because_the_engine_went_is_made_again(home, make_suite, engine, monkeypatch):
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)
    suite = make_suite(arms=["naive_supervisor"], limit=1)
    engine.faults, engine.healthy = deque([None, None, "garbage", *["drop"] * 9]), None
    key = freeze_benchmark_run(suite, home)
    with pytest.raises(EngineUnreachable):
        run(home, suite, key)

    engine.faults.clear()
    engine.healthy = True
    run(home, suite, key)
    assert select(home, "select status, fallback from query_runs") == [("answered", False)]
    assert select(home, "select * from agent_failures") == []
