"""The context window where requests go out: what overflows is fitted or refused, with rows."""

import json

import pytest

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.tables.reading import query_rows


def run(settings, suite):
    key = freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id="dagster-1", observer=SilentObserver())
    return key


def select(settings, sql):
    return query_rows(settings, sql)[1]


@pytest.fixture
def naive(make_suite):
    return make_suite(arms=["naive_supervisor"], limit=2, answer_max_tokens=16)


def refused_by_the_engine(settings):
    return select(settings, "select count(*) from llm_calls where http_status = 400")[0][0]


def test_an_overflowing_naive_history_is_fitted_and_the_query_answered(home, naive, engine):
    """S27, S35: rows by run, query and task, of any window; not the last ten."""
    engine.window = 215
    run(home, naive)

    assert select(home, "select distinct status from query_runs") == [("answered",)]
    assert refused_by_the_engine(home) == 0
    rows = select(
        home,
        "select count(*) > 0, count(distinct task) > 1, bool_or(outcome = 'fits'), bool_or(outcome = 'refused'), "
        "bool_and((tokens_after <= budget_tokens) = (outcome = 'fits')) from context_reductions",
    )
    assert rows == [(True, True, True, False, True)]


def test_the_count_before_sending_is_the_engine_s_own_count_afterwards(home, naive, engine):
    """S22, S25: tokens_after of the last step is prompt_tokens of the call."""
    engine.window = 215
    run(home, naive)

    rows = select(
        home,
        "select max(tokens_after - prompt_tokens), min(tokens_after - prompt_tokens), count(*) > 0 "
        "from context_reductions as r join llm_calls as c using (run_id, query_id, replicate, task) "
        "where outcome = 'fits'",
    )
    assert rows == [(0, 0, True)]


def test_what_can_not_fit_is_refused_here_and_never_sent(home, naive, engine):
    """S27."""
    engine.window = 60
    run(home, naive)

    assert select(home, "select distinct status, error_type from query_runs") == [("failed", "ContextOverflow")]
    assert refused_by_the_engine(home) == 0
    assert select(home, "select distinct outcome from context_reductions order by 1")[-1] == ("refused",)


def test_without_a_way_to_count_the_engine_refuses_as_before(home, naive, engine):
    engine.window, engine.offers_tokenize = 60, False
    run(home, naive)

    assert select(home, "select distinct error_type from query_runs") == [("RequestRejected",)]
    assert select(home, "select count(*) from context_reductions") == [(0,)]


def test_a_prompt_that_fits_leaves_no_row(home, naive):
    run(home, naive)
    assert select(home, "select count(*) from context_reductions") == [(0,)]


def test_each_row_has_the_share_of_the_evidence_before_and_after(home, make_suite, engine, query_set_folder):
    """S34: what shortening costs; NULL with its reason where a query has no gold spans."""
    path = query_set_folder / "queries.jsonl"
    first, *others = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    needs = ("apples", "dolphins")
    first["gold_doc_ids"] = [f"d_{topic}" for topic in needs]
    first["evidence"] = [{"doc_id": f"d_{topic}", "text": f"The colour of {topic} is blue."} for topic in needs]
    path.write_text("".join(json.dumps(query) + "\n" for query in (first, others[-1])), "utf-8")
    engine.window = 150
    run(home, make_suite(arms=["single_pass"], answer_max_tokens=16))

    rows = select(
        home,
        "select query_id, passages_before, passages_after, evidence_recall_before, evidence_recall_after, "
        "evidence_missing_because from context_reductions order by query_id, step",
    )
    assert rows == [
        ("q_apples", 5, 5, 1.0, 1.0, None),
        ("q_apples", 5, 2, 1.0, 0.5, None),
        ("q_forests", 5, 5, None, None, "no_gold"),
        ("q_forests", 5, 2, None, None, "no_gold"),
    ]
