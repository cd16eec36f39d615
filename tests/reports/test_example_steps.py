"""What each agent did in an example query, calls of the model or not."""

import json

import pytest

from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.example_steps import Step, read_steps
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables, run_id_of, settings_of

TUNED = run_id_of("tuned")
KEY = {"run_id": TUNED, "query_id": "q0001", "replicate": 0}


def search_rows(span_id, text, hits):
    ranked = {"ranking": "search", "span_id": span_id, "strategy": "hybrid_search", "search_query": text}
    return [KEY | ranked | {"rank": rank, "doc_id": "d", "chunk_id": f"d#{rank}"} for rank in range(1, hits + 1)]


def search_span(span_id, text, t0):
    attributes = json.dumps({"gen_ai.retrieval.query.text": text})
    return (
        KEY
        | {"span_id": span_id, "op": "retrieval", "name": "hybrid_search", "t0": t0, "t1": t0 + 1}
        | {"attributes": attributes}
    )


def call(place, agent, task, reply):
    return KEY | {
        "call_id": f"x{place}", "attempt": 1, "agent": agent, "role": "agent", "task": task, "phase": "measured",
        "status": "finished", "prompt_tokens": 1, "completion_tokens": 1, "billed_tokens": 2, "reply": reply,
        "cached_missing_because": "flag_off",
    }  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = settings_of(tmp_path_factory.mktemp("steps"))
    tables = planted_tables(("naive_supervisor", "tuned"))
    tables["route_decisions"] = [
        KEY
        | {
            "decision": 1, "level": "balanced", "strategy": "hybrid_search", "rule_strategy": "hybrid_search",
            "decided_by": "rules", "confidence": 0.8, "reasoning": "a question of <six> words",
        }
    ]  # fmt: skip
    tables["retrieved"] += [*search_rows("b", "returns <None>", 2), *search_rows("c", "again", 1)]
    tables["spans"] = [
        search_span("c", "again", 30), search_span("b", "returns <None>", 10), search_span("a", "nothing here", 20),
    ]  # fmt: skip
    tables["llm_calls"] += [
        call(1, "query_planner", "plan", '{"sub_queries": ["returns None", "nothing here"]}'),
        call(2, "query_planner", "plan", "garbage"),
        call(3, "response_validator", "check", "no"),
        call(4, "result_synthesizer", "answer_again", "None"),
    ]
    plant(settings, tables)
    return settings


def test_route_plan_searches_verdict_and_refinement_are_reported_in_order(settings):
    steps = read_steps(settings, [TUNED], ["q0001"])[TUNED, "q0001"]
    assert steps == (
        Step(agent="query_router", text="hybrid_search, decided by rules: a question of <six> words"),
        Step(agent="query_planner", text="planned “returns None”; “nothing here”"),
        Step(agent="search", text="hybrid_search for “returns <None>”: 2 chunks"),
        Step(agent="search", text="hybrid_search for “nothing here”: 0 chunks"),
        Step(agent="search", text="hybrid_search for “again”: 1 chunk"),
        Step(agent="response_validator", text="what was read does not support the answer"),
        Step(agent="result_synthesizer", text="refined: answered again after another search"),
    )


def test_agents_without_a_call_are_in_the_report(settings):
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    html, markdown = report.html.read_text("utf-8"), report.markdown.read_text("utf-8")
    assert "<strong>query_router</strong> hybrid_search, decided by rules: a question of &lt;six&gt; words" in html
    assert "<strong>search</strong> hybrid_search for “nothing here”: 0 chunks" in html
    assert "- **search** hybrid_search for “again”: 1 chunk" in markdown
    assert "<six>" not in markdown


def test_a_resumed_query_has_no_spans_and_still_its_searches(tmp_path):
    settings = settings_of(tmp_path)
    plant(settings, planted_tables(("tuned",)) | {"retrieved": search_rows("b", "returns None", 3)})
    assert read_steps(settings, [TUNED], ["q0001"])[TUNED, "q0001"] == (
        Step(agent="search", text="hybrid_search for “returns None”: 3 chunks"),
    )
