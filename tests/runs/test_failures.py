"""What is said of a benchmark run in which no query was answered."""

from collections import deque
from types import SimpleNamespace

from docmind_core.runs.health import nothing_answered
from tests.runs.running import run


def test_the_most_frequent_error_is_named_with_what_to_do(home, make_suite, engine):
    engine.faults = deque([400, 400, "garbage", *[400] * 20])
    key = run(home, make_suite(arms=["single_pass"], limit=4, concurrency=1))

    said = nothing_answered(home, key)

    assert said.startswith(f"no query of {key} was answered; 3 of 4 failed with RequestRejected: ")
    assert "answer_max_tokens; then start a new run" in said
    assert "\n" not in said


def test_one_answer_in_any_arm_is_enough(home, make_suite, engine):
    engine.faults = deque([400])
    key = run(home, make_suite(arms=["single_pass"], limit=2, concurrency=1))

    assert nothing_answered(home, key) is None


def test_an_engine_that_is_gone_is_not_advised_to_be_resumed_and_started_new_at_once(home, monkeypatch):
    message = "the engine at http://127.0.0.1:1 answered with HTTP 500: {}. Check it, then rerun with --resume."
    found = SimpleNamespace(answered=0, queries=6, failed=6, error_type="EngineUnreachable", error_message=message)
    monkeypatch.setattr("docmind_core.runs.health.commonest_error", lambda *_: found)
    said = nothing_answered(home, "k")
    assert "HTTP 500: {}. Check the engine's log" in said
    assert "--resume" not in said
