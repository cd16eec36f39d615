"""A benchmark on servers of the OpenAI API and no more: it runs, and what nothing says is NULL with a reason."""

import json

import pytest

from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.tables.gates import ledger_rows
from tests.fakes.plain_servers import KINDS, PlainServer
from tests.runs.running import run, select


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_pass_runs_on_a_plain_server_and_has_its_report(home, make_suite, kind):
    with PlainServer(kind=kind) as server:
        key = run(home, make_suite(engine=server.url, arms=["single_pass"], strategy="keyword_search"))
    (row,) = ledger_rows(home, key)
    assert (row.state, row.ledger_prompt_tokens > 0) == ("no_metrics", True)
    assert select(home, "select distinct status, tokens_missing_because from query_runs") == [("answered", None)]
    found = "select distinct cached_tokens, cached_missing_because, prompt_tokens_est from llm_calls"
    assert select(home, found) == [(None, "not_supported", None)]
    ((dialect, manifest, conditions),) = select(home, "select dialect, manifest, conditions from runs")
    assert dialect == json.loads(manifest)["engine"]["dialect"] == json.loads(conditions)["dialect"] == "plain_openai"
    assert "no_metrics" in write_benchmark_report(home, key).html.read_text("utf-8")


def test_arms_with_decisions_run_where_the_server_keeps_to_a_json_schema(home, make_suite):
    with PlainServer() as server:
        run(home, make_suite(engine=server.url, arms=["naive_supervisor", "tuned"], level="thorough", limit=2))
    decided = (
        "select count(*) > 10, count(*) filter (where not output_valid) from llm_calls where output_valid is not null"
    )
    assert select(home, decided) == [(True, 0)]
    assert {body["response_format"]["type"] for body in server.bodies if "response_format" in body} == {"json_schema"}


def test_without_usage_tokens_are_null_with_the_reason_and_never_0(home, make_suite):
    with PlainServer(reports_usage=False) as server:
        run(home, make_suite(engine=server.url, arms=["single_pass"], limit=2))
    unknown = "select distinct prompt_tokens, billed_tokens, tokens_missing_because, billed_tokens_high from llm_calls"
    assert select(home, unknown) == [(None, None, "no_usage", None)]
