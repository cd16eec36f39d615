"""Whole runs on documents of many chunks: metrics see 10 documents, agents read what they always read."""

import pytest

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.readers import read_query_set
from docmind_core.tables.publish import publish
from tests.documents import write_query_set
from tests.runs.running import run, select

WORDS = [f"{first}{second}" for first in "abcdefghijkl" for second in "mnopqrstuvw"]


@pytest.fixture
def long_documents(tmp_path):
    """Eleven documents of twelve chunks that answer alike, each with words of its own; the gold one ranks tenth."""
    paragraphs = [f"The colour of apples is blue. {' '.join([word] * 100)}." for word in WORDS]
    documents = [
        {"doc_id": f"d{number:02}", "title": "", "text": "\n\n".join(paragraphs[number * 12 : number * 12 + 12])}
        for number in range(11)
    ]
    query = {"query_id": "q", "query": "What is the colour of apples?", "answers": ["blue"], "gold_doc_ids": ["d09"]}
    return write_query_set(tmp_path / "long", documents=documents, queries=[query])


@pytest.mark.parametrize(("level", "given", "read"), [("fast", 10, 5), ("balanced", 15, 5)])
def test_recall_is_taken_on_ten_documents_whatever_a_level_gives_its_agents(
    home, make_suite, long_documents, level, given, read
):
    arms = ["single_pass", "guide_dag", "tuned-passage_choice+result_cache-no_validation"]
    suite = make_suite(query_set=str(long_documents), arms=arms, level=level)

    for _ in range(2):  # the second time from the cache
        key = run(home, suite)
        score_benchmark_run(home, key, read_query_set(long_documents))
        publish(home)

        of_run = f"join runs using (run_id) where benchmark_run = '{key}'"
        passages = select(home, f"select passages from query_runs {of_run}")
        assert [len(read_by_one) for (read_by_one,) in passages] == [read] * 3
        searched = select(home, f"select arm, count(*) from retrieved {of_run} and ranking = 'search' group by arm")
        assert sorted(searched) == sorted((arm, given) for arm in arms)
        ranked = select(
            home,
            "select count(distinct doc_id), count(score), max(rank) = count(*) from retrieved "
            f"{of_run} and ranking = 'candidates' group by arm",
        )
        assert ranked == [(10, given, True)] * 3
        recall = select(home, f"select value from measurements {of_run} and metric = 'recall@10'")
        assert recall == [(1.0,)] * 3
