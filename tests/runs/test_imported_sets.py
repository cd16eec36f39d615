"""An imported query set runs, and its notes are in the report."""

import json

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.tables.publish import publish
from tests.runs.running import run, select


def test_a_set_without_documents_runs_and_the_report_says_so(home, make_suite, tmp_path):
    (tmp_path / "faq.csv").write_text("question,reference\nWhere is Bern?,Switzerland\nWhere is Rome?,Italy\n,lost\n")
    mapping = {"query": "question", "answers": "reference"}
    request = ImportRequest(source=tmp_path / "faq.csv", folder=tmp_path / "faq", mapping=mapping)
    query_set, _ = import_query_set(request)

    key = run(home, make_suite(query_set=str(tmp_path / "faq"), arms=["single_pass"]))
    score_benchmark_run(home, key, query_set)
    publish(home)

    counts = select(
        home, "select arm, count(*), bool_and(no_passages) from query_runs join runs using (run_id) group by 1"
    )
    assert counts == [("single_pass", 2, True)]
    retrieval = "select distinct missing_because from measurements where metric in ('ndcg@10', 'recall@5')"
    assert select(home, retrieval) == [("no_gold",)]
    report = write_benchmark_report(home, key).markdown.read_text("utf-8")
    assert "contains no documents: built-in arms find nothing to read" in report
    assert "1 records without a question were left out" in report


def test_grades_of_an_imported_set_are_the_gain_of_its_ndcg(home, make_suite, tmp_path):
    source = tmp_path / "beir"
    (source / "qrels").mkdir(parents=True)
    texts = {"most": "The colour of bridges is blue, blue bridges.", "some": "A bridge may have a colour."}
    (source / "corpus.jsonl").write_text("".join(json.dumps({"_id": k, "text": v}) + "\n" for k, v in texts.items()))
    (source / "queries.jsonl").write_text(
        json.dumps({"_id": "1", "text": "What is the colour of blue bridges?"}) + "\n"
    )
    (source / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tmost\t1\n1\tsome\t3\n")
    query_set, _ = import_query_set(ImportRequest(source=source, folder=tmp_path / "set", mapping={}))

    key = run(home, make_suite(query_set=str(tmp_path / "set"), arms=["single_pass"], strategy="keyword_search"))
    score_benchmark_run(home, key, query_set)
    publish(home)

    ((ndcg,),) = select(home, "select value from measurements where metric = 'ndcg@10'")
    # "most" is found first, though "some" is graded higher: (1 + 3/log2(3)) / (3 + 1/log2(3))
    assert round(ndcg, 4) == 0.7967
