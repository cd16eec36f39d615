"""The context window where requests go out: what overflows is fitted or refused, with rows."""

import json

import pytest

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.tables.publish import publish
from tests.runs.running import run, select


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
    engine.window = 237
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


def plant_evidence(folder):
    """One query whose two gold spans stand in one long document, one of them far from the query's words."""
    near = "The colour of apples is blue in every country of the northern world."
    far = "Gardeners of old wrote down that frost spoils whatever hangs too late in autumn."
    filler = " ".join(f"Sentence number {number} says nothing of any use to anybody here." for number in range(12))
    documents = [json.loads(line) for line in (folder / "documents.jsonl").read_text("utf-8").splitlines()]
    documents[0]["text"] = f"{near} {filler} {far}"
    query = {
        "query_id": "q_apples",
        "query": "What is the colour of apples?",
        "answers": ["blue"],
        "gold_doc_ids": ["d_apples"],
        "evidence": [{"doc_id": "d_apples", "text": text} for text in (near, far)],
    }
    (folder / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents), "utf-8")
    (folder / "queries.jsonl").write_text(json.dumps(query) + "\n", "utf-8")


@pytest.mark.parametrize(
    ("arm", "window"),
    [("single_pass", 314), ("tuned-passage_choice-no_validation", 314), ("naive+specialization", 330)],
)
def test_evidence_that_was_cut_out_of_a_passage_is_not_counted_as_read(
    home, make_suite, engine, query_set_folder, arm, window
):
    """S34: the measurement agrees with the last row about the answer's prompt."""
    plant_evidence(query_set_folder)
    engine.window = window
    suite = make_suite(arms=[arm], answer_max_tokens=16)
    key = run(home, suite)
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    publish(home)

    last = select(
        home,
        "select evidence_recall_after from context_reductions "
        "where regexp_matches(task, '^(answer|rewrite)') qualify row_number() over (order by task desc, step desc) = 1",
    )
    assert last == [(0.5,)]
    assert select(home, "select value from measurements where metric = 'evidence_recall'") == [(0.5,)]
    ((passages, read_as),) = select(home, "select passages, passages_read_as from query_runs")
    assert "d_apples#0" in passages
    assert list(json.loads(read_as)) == ["d_apples#0"]


def test_what_was_read_whole_is_not_stored_again(home, make_suite):
    run(home, make_suite(arms=["single_pass"], limit=1))
    assert select(home, "select passages is not null, passages_read_as from query_runs") == [(True, None)]
