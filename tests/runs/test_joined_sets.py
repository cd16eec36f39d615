"""A suite over two query sets whose ids clash: asked, scored and compared by set, and guarded by set."""

import json

import pytest

from docmind_core.errors import RunError
from docmind_core.measurements.run_comparison import compare_runs
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.tables.publish import publish
from tests.documents import write_query_set
from tests.runs.running import interrupt, run, select

TOWNS = {"italy": "Rome", "spain": "Madrid"}


@pytest.fixture
def suite(tmp_path, make_suite, engine):
    """Each set answers the same questions with its own town; the engine repeats what it reads."""
    for name, town in TOWNS.items():
        documents = [{"doc_id": f"d{at}", "text": f"The capital of region {at} is {town}{at}."} for at in range(3)]
        queries = [
            {
                "query_id": f"q{at}",
                "query": f"What is the capital of region {at}?",
                "answers": [f"{town}{at}"],
                "gold_doc_ids": [f"d{at}"],
            }
            for at in range(3)
        ]
        write_query_set(tmp_path / name, documents=documents, queries=queries)
    engine.reply = lambda body: "Madrid1" if "Madrid1" in json.dumps(body["messages"][-1]) else "no"
    return make_suite(query_set=[str(tmp_path / name) for name in TOWNS], arms=["single_pass"], concurrency=1)


def scored(home, suite):
    key = run(home, suite)
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    publish(home)
    return key


def test_each_question_is_answered_from_its_own_set_and_every_figure_is_there_by_set(home, suite, engine):
    first = scored(home, suite)

    assert len(engine.requests) == 6
    for body in engine.requests:
        assert len({town for town in TOWNS.values() if town in json.dumps(body)}) == 1
    read = "select distinct split_part(query_id, '/', 1), split_part(doc_id, '/', 1) from retrieved order by all"
    assert select(home, read) == [("italy", "italy"), ("spain", "spain")]
    by_set = "select query_type, value, n_queries from quality_summary where query_type like 'tag:%' and metric = "
    assert select(home, f"{by_set}'passed' order by 1") == [("tag:set:italy", 0.0, 3), ("tag:set:spain", 1 / 3, 3)]
    assert select(home, f"{by_set}'recall@5' order by 1") == [("tag:set:italy", 1.0, 3), ("tag:set:spain", 1.0, 3)]
    ((name, manifest),) = select(home, "select query_set, manifest from runs")
    assert name == "italy + spain"
    assert json.loads(manifest)["query_sets"] == load_query_set(suite.query_set).parts
    rows = compare_runs(home, f"{scored(home, suite)}.single_pass", f"{first}.single_pass").rows
    of_passed = {row["slice"]: row["n"] for row in rows if row["metric"] == "passed"}
    assert of_passed == {"all": 6, "factoid": 6, "tag:set:italy": 3, "tag:set:spain": 3}


def test_a_resumption_names_the_set_that_has_changed(home, suite, engine, monkeypatch, tmp_path):
    key = interrupt(home, suite, engine, monkeypatch)
    queries = tmp_path / "spain" / "queries.jsonl"
    queries.write_text(queries.read_text().replace('"Madrid2"', '"Toledo"'))

    with pytest.raises(RunError, match=r"with something else: query set spain \([0-9a-f]{12} → [0-9a-f]{12}\)\."):
        run(home, suite, key)
