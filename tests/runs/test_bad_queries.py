import json

import pytest

from tests.runs.running import run, select

ALL_ARMS = ["single_pass", "naive_supervisor", "tuned-passage_choice-no_validation"]


def test_a_planner_that_raises_leaves_flagged_fallbacks_and_rows_of_its_failure(home, make_suite, monkeypatch):
    async def raises(state, runtime):
        raise RuntimeError("planted")

    monkeypatch.setattr("docmind_core.agents.tuned_nodes.plan", raises)
    run(home, make_suite(arms=["tuned-passage_choice-no_validation"]))

    assert select(home, "select distinct status, fallback, fallback_because, answer from query_runs") == [
        ("answered", True, "query_planner failed: RuntimeError: planted", "blue")
    ]
    failures = select(home, "select count(*) from spans where name = 'query_planner' and status = 'error'")
    assert failures == [(6,)]
    assert select(home, "select state from ledger_balance") == [("balanced",)]
    rows = select(home, "select agent, outcome, error_type, error_message, count(*) from agent_failures group by all")
    assert sorted(rows, key=lambda row: row[:2]) == [
        ("query_planner", "failed", "RuntimeError", "planted", 6),
        ("response_validator", "skipped", None, None, 6),
        ("result_synthesizer", "skipped", None, None, 6),
        ("retrieval_expert", "skipped", None, None, 6),
    ]


def test_a_skipped_agent_is_not_an_execution_s17(home, make_suite, monkeypatch):
    """S17: what did not run has no time and no row among the executions."""

    async def raises(state, runtime):
        raise RuntimeError("planted")

    monkeypatch.setattr("docmind_core.agents.tuned_nodes.synthesize", raises)
    run(home, make_suite(arms=["tuned-passage_choice-no_validation"], limit=2))

    skipped = "select agent from agent_failures where outcome = 'skipped'"
    assert set(select(home, skipped)) == {("response_validator",)}
    assert select(home, f"select count(*) from spans where name in ({skipped})") == [(0,)]
    for view, column in (("agent_performance", "agent_name"), ("latency_summary", "agent")):
        assert ("response_validator",) not in select(home, f"select {column} from {view}")


TEN_SEARCHES = json.dumps({"sub_queries": [f"colour of thing number {number}" for number in range(10)]})


@pytest.mark.parametrize(
    ("plan", "valid", "searches"),
    [
        (TEN_SEARCHES, False, 1),
        ("I would search for apples.", False, 1),
        ('{"sub_queries": ["colour of apples", "colour of bridges", "capital of France"]}', True, 3),
    ],
    ids=["ten searches", "garbage", "three searches, one about something else"],
)
def test_whatever_the_planner_returns_is_recorded_and_the_searches_are_few(
    home, make_suite, engine, plan, valid, searches
):
    plain = engine.reply
    engine.reply = lambda body: plan if "query planner" in body["messages"][0]["content"] else plain(body)
    run(home, make_suite(arms=["tuned-passage_choice-no_validation"], level="thorough", limit=2))

    assert select(home, "select distinct output_valid from llm_calls where task = 'plan'") == [(valid,)]
    searched = "select count(distinct span_id) from retrieved where ranking = 'search' group by query_id"
    assert select(home, searched) == [(searches,), (searches,)]
    assert select(home, "select distinct status, fallback from query_runs") == [("answered", False)]
    assert select(home, "select state from ledger_balance") == [("balanced",)]


def test_a_validator_that_rejects_everything_costs_one_refinement_each(home, make_suite, engine):
    plain = engine.reply
    engine.reply = lambda body: "no" if "structured_outputs" in body else plain(body)
    run(home, make_suite(arms=["tuned-passage_choice-no_validation"]))

    tasks = select(home, "select task, count(*) from llm_calls group by 1 order by 1")
    assert tasks == [("answer", 6), ("answer_again", 6), ("check", 6)]
    assert select(home, "select distinct status, fallback from query_runs") == [("answered", False)]


def test_a_query_longer_than_the_window_fails_alone_and_says_why(home, make_suite, query_set_folder):
    row = {"query_id": "q_long", "query": "colour " * 9000, "answers": [], "gold_doc_ids": [], "type": "factoid"}
    with (query_set_folder / "queries.jsonl").open("a", encoding="utf-8") as queries:
        queries.write(json.dumps({**row, "expected_abstain": False}) + "\n")
    run(home, make_suite(arms=ALL_ARMS))

    failed = select(
        home,
        "select query_id, error_type, error_message like '%window%' from query_runs "
        "where status = 'failed' or fallback",
    )
    assert set(failed) <= {("q_long", "ContextOverflow", True)}
    assert len(failed) == 3
    assert select(home, "select count(*) from query_runs where status = 'answered'") == [(18,)]
    assert select(home, "select distinct state from ledger_balance") == [("balanced",)]


def test_a_question_that_no_document_touches_is_answered_with_a_refusal(home, make_suite, query_set_folder):
    row = {"query_id": "q_none", "query": "zzz qqq", "answers": [], "gold_doc_ids": [], "type": "unanswerable"}
    (query_set_folder / "queries.jsonl").write_text(json.dumps({**row, "expected_abstain": True}) + "\n", "utf-8")
    run(home, make_suite(arms=["single_pass", "tuned-passage_choice-no_validation"]))

    assert select(home, "select distinct status, abstained, calls, billed_tokens from query_runs") == [
        ("answered", True, 0, 0)
    ]
