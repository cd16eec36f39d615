"""A query whose searches found nothing is counted, never just an abstention."""

import pytest

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.readers import read_query_set
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.tables.publish import publish
from tests.documents import write_query_set
from tests.runs.running import run, select


@pytest.fixture
def half_found(tmp_path):
    """Three questions in a language without a word in common with the documents, and one that is found."""
    queries = [
        {"query_id": "found", "query": "What is the capital?", "answers": ["Paris"], "gold_doc_ids": ["d1"]},
        {"query_id": "answerable", "query": "Wo liegt Bern?", "answers": ["x"], "gold_doc_ids": ["d1"]},
        {"query_id": "unanswerable", "query": "Wo liegt Wien?", "answers": [], "expected_abstain": True},
        {"query_id": "greek", "query": "Πού;", "answers": ["x"], "gold_doc_ids": ["d1"]},
    ]
    return write_query_set(tmp_path / "half", queries=queries)


def test_a_query_without_passages_is_a_column_a_ratio_and_a_sentence(home, make_suite, half_found):
    arms = ["single_pass", "tuned", "guide_dag"]
    key = run(home, make_suite(query_set=str(half_found), arms=arms))
    score_benchmark_run(home, key, read_query_set(half_found))
    publish(home)

    marked = select(home, "select query_id, bool_and(no_passages), bool_or(no_passages) from query_runs group by all")
    assert {query: set(values) for query, *values in marked} == {
        "found": {False},
        **{query: {True} for query in ("answerable", "unanswerable", "greek")},
    }
    ratios = select(
        home, "select arm, value from quality_summary where metric = 'no_passages_ratio' and query_type = 'all'"
    )
    assert sorted(ratios) == sorted((arm, 0.75) for arm in arms)
    report = write_benchmark_report(home, key)
    sentence = (
        "Searches found no passage for 3 of 4 query runs of single_pass (3 abstained, 1 of them counted as right)"
    )
    for text in (report.summary, report.html.read_text("utf-8"), report.markdown.read_text("utf-8")):
        assert sentence in " ".join(text.split())


def test_a_chinese_question_finds_its_passage(home, make_suite, tmp_path):
    documents = [{"doc_id": "d1", "title": "法国", "text": "巴黎是法国的首都。"}]
    query = {"query_id": "q", "query": "法国的首都是哪里", "answers": ["巴黎"], "gold_doc_ids": ["d1"]}
    folder = write_query_set(tmp_path / "zh", documents=documents, queries=[query])
    run(home, make_suite(query_set=str(folder), arms=["single_pass"]))

    ((no_passages, passages),) = select(home, "select no_passages, passages from query_runs")
    assert (no_passages, passages) == (False, ["d1#0"])


def test_the_language_of_a_suite_is_that_of_its_index_and_a_condition_of_its_series(home, make_suite, tmp_path):
    documents = [{"doc_id": "d1", "title": "", "text": "Viele Häuser stehen hier."}]
    query = {"query_id": "q", "query": "Das Haus", "answers": ["hier"], "gold_doc_ids": ["d1"]}
    folder = write_query_set(tmp_path / "de", documents=documents, queries=[query])
    for language in ("german", "none"):
        run(home, make_suite(query_set=str(folder), arms=["single_pass"], language=language))

    rows = select(
        home,
        "select conditions->>'language', no_passages, index_hash, series_key from query_runs join runs using (run_id)",
    )
    assert sorted(row[:2] for row in rows) == [("german", False), ("none", True)]
    assert len({row[2] for row in rows}) == len({row[3] for row in rows}) == 2
