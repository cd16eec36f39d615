import pytest

from docmind_core.measurements.records import QueryRun
from docmind_core.measurements.scorers import SCORERS
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.reasons import REASONS
from docmind_core.query_sets.queries import Evidence
from tests.builders import make_query

ANSWERABLE = make_query(evidence=(Evidence(doc_id="d1", text="Paris is the capital"),))
UNANSWERABLE = make_query(gold_answers=(), gold_doc_ids=(), expected_abstain=True)


def make_query_run(**changes):
    return QueryRun(**{"query_id": "q1", "answer": "Paris", "ended_because": "stop", "abstained": False, **changes})


FAILED = make_query_run(answer=None, ended_because="failed", abstained=None)


def scores(query, run):
    found = {}
    for scorer in SCORERS:
        score = scorer(query, run)
        assert (score.value is None) == (score.missing_because is not None)
        assert score.metric not in found
        found[score.metric] = score.missing_because if score.value is None else score.value
    return found


def test_a_right_answer_with_the_right_passages_scores_one_everywhere():
    run = make_query_run(
        cited_chunk_ids=("d1#0",), candidate_chunk_ids=("d1#0",), passages={"d1#0": "Paris is the capital of France."}
    )
    assert scores(ANSWERABLE, run) == {
        "passed": 1.0,
        "exact_match": 1.0,
        "exact_match_squad": 1.0,
        "token_f1": 1.0,
        "answer_contained": 1.0,
        "numeric_match": "no_gold",
        "empty_answer": 0.0,
        "cut_answer": 0.0,
        "abstention_precision": "zero_denominator",
        "abstention_recall": "zero_denominator",
        "over_abstention": 0.0,
        "citation_precision": 1.0,
        "citation_recall": 1.0,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "full@5": 1.0,
        "full@10": 1.0,
        "ndcg@10": 1.0,
        "mrr@10": 1.0,
        "evidence_recall": 1.0,
    }


def test_a_failed_query_is_wrong_and_not_left_out():
    found = scores(ANSWERABLE, FAILED)
    assert {metric for metric, value in found.items() if value == 0.0} == {
        "passed", "exact_match", "exact_match_squad",
        "token_f1", "answer_contained", "citation_recall", "recall@5", "recall@10", "full@5", "full@10", "ndcg@10",
        "mrr@10", "evidence_recall", "over_abstention",
    }  # fmt: skip
    assert found["citation_precision"] == "no_citation"
    assert scores(make_query(gold_answers=("7",)), FAILED)["numeric_match"] == 0.0


def test_on_an_unanswerable_query_only_abstaining_counts():
    abstained = scores(UNANSWERABLE, make_query_run(answer="The documents do not answer this.", abstained=True))
    assert (abstained["passed"], abstained["abstention_precision"], abstained["abstention_recall"]) == (1.0, 1.0, 1.0)
    assert abstained["over_abstention"] == "zero_denominator"
    assert {abstained[metric] for metric in ("exact_match", "token_f1", "recall@5", "citation_recall")} == {"no_gold"}
    answered = scores(UNANSWERABLE, make_query_run())
    assert (answered["passed"], answered["abstention_precision"]) == (0.0, "zero_denominator")
    assert answered["abstention_recall"] == 0.0


def test_a_failure_on_an_unanswerable_query_is_not_an_abstention():
    found = scores(UNANSWERABLE, FAILED)
    assert (found["passed"], found["abstention_recall"], found["abstention_precision"]) == (
        0.0,
        0.0,
        "zero_denominator",
    )


def test_a_failed_query_did_not_abstain_and_stays_among_the_answerable_ones():
    assert scores(ANSWERABLE, FAILED)["over_abstention"] == 0.0


def test_abstaining_where_the_documents_answer_is_wrong():
    found = scores(ANSWERABLE, make_query_run(answer="The documents do not answer this.", abstained=True))
    assert (found["passed"], found["abstention_precision"], found["over_abstention"]) == (0.0, 0.0, 1.0)


def test_a_sentence_to_be_judged_waits_for_a_judge():
    found = scores(make_query(gold_answers=("It is Paris.",), free_form=True), make_query_run())
    assert (found["passed"], found["exact_match"]) == ("judge_disabled", "no_gold")
    assert found["token_f1"] == pytest.approx(0.5)


def test_a_query_that_no_one_wrote_an_answer_for_has_no_gold():
    found = scores(make_query(gold_answers=(), gold_doc_ids=()), make_query_run())
    assert {value for metric, value in found.items() if metric.startswith(("passed", "exact", "token", "recall"))} == {
        "no_gold"
    }


def test_a_number_passes_without_an_exact_match():
    found = scores(make_query(gold_answers=("3,677",)), make_query_run(answer="about 3677 people"))
    assert (found["exact_match"], found["numeric_match"], found["passed"]) == (0.0, 1.0, 1.0)


def test_an_answer_without_citation_has_no_precision():
    found = scores(ANSWERABLE, make_query_run())
    assert (found["citation_precision"], found["citation_recall"]) == ("no_citation", 0.0)


def test_ranking_metrics_count_documents_not_chunks():
    chunks = tuple(f"d{place // 2}#{place % 2}" for place in range(12))
    found = scores(make_query(gold_doc_ids=("d4",)), make_query_run(candidate_chunk_ids=chunks))
    assert (found["recall@5"], found["mrr@10"]) == (1.0, 0.2)


def test_every_scored_metric_is_in_the_catalogue_and_every_reason_in_the_list():
    for query in (ANSWERABLE, UNANSWERABLE, make_query(free_form=True)):
        for run in (make_query_run(), FAILED):
            found = scores(query, run)
            assert set(found) <= set(METRICS)
            assert {value for value in found.values() if isinstance(value, str)} <= set(REASONS)


@pytest.mark.parametrize(
    ("ended_because", "empty", "cut"),
    [
        ("stop", 0.0, 0.0),
        ("max_tokens", 0.0, 1.0),
        ("thinking", 1.0, 1.0),
        ("content_filter", 0.0, 1.0),
        ("tool_calls", 1.0, 0.0),
        ("refusal", 1.0, 0.0),
        ("empty", 1.0, 0.0),
        ("no_call", 0.0, 0.0),
        ("unfinished", 0.0, "not_supported"),
        ("failed", "failed_run", "failed_run"),
        (None, "failed_run", "failed_run"),
    ],
)
def test_empty_and_cut_answers_are_counted_by_how_their_reply_ended(ended_because, empty, cut):
    found = scores(ANSWERABLE, make_query_run(ended_because=ended_because))
    assert (found["empty_answer"], found["cut_answer"]) == (empty, cut)


def test_a_gold_that_is_a_number_is_judged_by_it_alone():
    """Normalising takes the point out of 1.5 and the sign from -5."""
    for gold, answer in (("1.5", "15"), ("-5", "5"), ("12 %", "12 million")):
        found = scores(make_query(gold_answers=(gold,)), make_query_run(answer=answer))
        assert (gold, found["passed"], found["numeric_match"]) == (gold, 0.0, 0.0)
    found = scores(make_query(gold_answers=("1.5", "one and a half")), make_query_run(answer="one and a half"))
    assert found["passed"] == 1.0


def test_a_name_with_a_number_is_judged_as_a_name():
    query = make_query(gold_answers=("Apollo 11",))
    assert scores(query, make_query_run(answer="**Apollo 11**"))["passed"] == 1.0
    found = scores(query, make_query_run(answer="11"))
    assert (found["passed"], found["numeric_match"]) == (0.0, "no_gold")


def test_a_sentence_with_one_number_is_judged_by_it():
    gold = "The plant opened in 1973."
    query = make_query(text="When did it open?", gold_answers=(gold,), free_form=True)
    assert [scores(query, make_query_run(answer=answer))["passed"] for answer in ("In 1973.", "1974")] == [1.0, 0.0]
    assert scores(query, FAILED)["passed"] == 0.0


def test_a_refusal_that_names_a_number_asserts_none():
    run = make_query_run(answer="The passages mention 42 but do not say why.", abstained=True)
    assert scores(make_query(gold_answers=("42",)), run)["passed"] == 0.0
