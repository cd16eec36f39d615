import json

import pytest

from docmind_core.errors import StoreError
from docmind_core.measurements.scorers import SCORERS
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import Evidence, build_query_set
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import read_segment, segment_path
from tests.builders import BENCHMARK_RUN, RUN_ID, make_query, make_query_run_row, make_run_row, write_rows

QUERY_SET = build_query_set(
    "tiny",
    [Document(doc_id="d1", title="France", text="Paris is the capital of France.")],
    [
        make_query("q1", evidence=(Evidence(doc_id="d1", text="Paris is the capital"),)),
        make_query("q2", gold_answers=("Rome",)),
    ],
)
CANDIDATES = [
    {
        "query_id": "q1",
        "replicate": 0,
        "ranking": "candidates",
        "span_id": "root",
        "rank": rank,
        "chunk_id": chunk_id,
    }
    for rank, chunk_id in ((2, "d1#0"), (1, "d7#0"))
]
SEARCHES = [{**CANDIDATES[0], "ranking": "search", "rank": 1}]


def write_answers(settings, *rows):
    write_rows(settings, {"query_runs": rows, "retrieved": [*CANDIDATES, *SEARCHES]})


def found(settings):
    rows = read_segment(settings.tables, "measurements", RUN_ID)
    return {(row["query_id"], row["metric"]): row["value"] for row in rows}


def test_every_query_run_gets_every_metric_from_its_stored_rows(settings):
    first = make_query_run_row(
        "q1", answer="Paris", citations=json.dumps(["d1#0", "d7#0"]), passages=json.dumps(["d1#0", "d7#0"])
    )
    write_answers(settings, first, make_query_run_row("q2", status="failed", answer=None, abstained=None))
    assert score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET) == 2 * len(SCORERS)
    values = found(settings)
    assert values["q1", "exact_match"] == 1.0
    assert values["q1", "mrr@10"] == 0.5
    assert values["q1", "citation_precision"] == 0.5
    assert values["q1", "evidence_recall"] == 1.0
    assert values["q2", "exact_match"] == 0.0
    publish(settings)


def test_scoring_again_gives_the_same_rows(settings):
    write_answers(settings, make_query_run_row("q1", answer="Paris"))
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)
    before = read_segment(settings.tables, "measurements", RUN_ID)
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)
    assert read_segment(settings.tables, "measurements", RUN_ID) == before
    versions = {row["metric"]: row["scorer_version"] for row in before}
    assert versions == {scorer.metric.name: scorer.version for scorer in SCORERS}


def test_each_replicate_is_scored(settings):
    write_answers(
        settings, make_query_run_row("q1", answer="Paris"), make_query_run_row("q1", answer="Rome", replicate=1)
    )
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)
    rows = read_segment(settings.tables, "measurements", RUN_ID)
    assert [row["value"] for row in rows if row["metric"] == "exact_match"] == [1.0, 0.0]


def test_an_arm_without_queries_has_no_scores(settings):
    write_answers(settings)
    assert score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET) == 0


def test_a_benchmark_run_without_arms_is_named(settings):
    with pytest.raises(StoreError, match="no finished arm"):
        score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)


def test_a_query_that_the_query_set_lost_is_named(settings):
    write_answers(settings, make_query_run_row("q9"))
    with pytest.raises(StoreError, match=r"'q9'.* is missing from the query set"):
        score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)


def test_edited_gold_answers_do_not_score_a_run_that_was_asked_before(settings):
    """All its arms have ended, so no resumption compares the query sets any more."""
    rows = {"query_runs": [make_query_run_row("q1", answer="Paris")]}
    write_rows(settings, {**rows, "runs": [make_run_row(query_set_hash="another")]})
    with pytest.raises(StoreError, match=r"tiny has changed since .* Restore the old version and resume, or start a"):
        score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)
    assert not segment_path(settings.tables, "measurements", RUN_ID).exists()

    for accepted in ({"query_set_hash": "another", "comparable": False}, {"query_set_hash": QUERY_SET.query_set_hash}):
        write_rows(settings, {**rows, "runs": [make_run_row(**accepted)]})
        assert score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET) == len(SCORERS)
