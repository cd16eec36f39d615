import pytest

from docmind_core.runs.folding import path_of

WHERE = {"query_id": "q1", "replicate": 0}


def span(span_id, op, start, end):
    return {**WHERE, "span_id": span_id, "op": op, "t0": start * 10**9, "t1": end * 10**9}


def call(span_id, agent, billed_tokens):
    return {**WHERE, "span_id": span_id, "agent": agent, "billed_tokens": billed_tokens}


def test_only_leaf_work_counts_and_calls_bring_their_tokens():
    spans = [
        span("root", "invoke_workflow", 0, 9),
        span("agent", "invoke_agent", 0, 9),
        span("a", "chat", 0, 2),
        span("s", "retrieval", 2, 3),
        span("b", "chat", 3, 4),
    ]
    found = path_of(spans, [call("a", "query_router", 10), call("b", "result_synthesizer", 20)])
    assert found.critical_path_s == 4.0
    assert found.critical_path_tokens == 30


def test_a_call_without_usage_makes_the_tokens_of_its_query_unknown():
    found = path_of([span("a", "chat", 0, 2)], [call("a", "query_router", None)])
    assert found.critical_path_tokens is None


@pytest.mark.parametrize(
    ("attempts", "tokens"), [((10, 20), 30), ((None, 20), None), ((10, None), None), ((0, 20), 20)]
)
def test_a_call_that_was_tried_again_costs_every_attempt(attempts, tokens):
    found = path_of([span("a", "chat", 0, 2)], [call("a", "query_router", billed) for billed in attempts])
    assert found.critical_path_tokens == tokens


def test_the_guide_s_savings_count_every_attempt_or_are_unknown():
    spans = [span("a", "chat", 0, 2), span("b", "chat", 1, 3)]
    both = [call("a", "query_router", 10), call("a", "query_router", 5), call("b", "query_planner", 7)]
    assert path_of(spans, both).guide_parallel_savings == 7
    unknown = [call("a", "query_router", None), *both]
    assert path_of(spans, unknown).guide_parallel_savings is None


def test_a_query_without_work_has_no_path():
    assert path_of([span("root", "invoke_workflow", 0, 9)], []) is None
