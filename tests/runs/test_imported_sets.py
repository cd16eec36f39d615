"""An imported query set runs, and its notes are in the report."""

import json

import pytest

from docmind_core.errors import UsageError
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.runs.input_check import check_input
from docmind_core.tables.publish import publish
from tests.documents import shared_data
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
    assert "contains no documents: built-in arms have nothing to read" in report
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


def raw_sources():
    raw = shared_data("hotpotqa").parent / "raw"
    if not raw.is_dir():
        pytest.skip(f"there are no files of published formats in {raw}")
    return [path for path in sorted(raw.rglob("*")) if path.name not in ("README.md", "qrels")]


def test_every_published_file_at_hand_imports_passes_the_check_and_runs(home, make_suite, tmp_path):
    formats, ran = {}, {}
    for number, source in enumerate(raw_sources()):
        with pytest.raises(UsageError, match=r"Import it: docmind import .* FOLDER"):
            check_input(str(source))
        folder = tmp_path / str(number)
        query_set, origin = import_query_set(ImportRequest(source=source, folder=folder, mapping={}))
        assert check_input(str(folder)).summary.endswith("no problems found")
        formats[source.name] = (origin.format, len(query_set.documents), len(query_set.queries))
        if query_set.query_set_hash not in ran:  # the files of a folder are one set
            suite = make_suite(query_set=str(folder), arms=["single_pass"], limit=2, strategy="keyword_search")
            ran[query_set.query_set_hash] = run(home, suite)

    assert formats["hotpot_dev_distractor_v1_sample50.json"] == ("hotpotqa", 492, 50)
    assert formats["squad_v1.1_xquad.en_sample.json"] == ("squad", 60, 322)
    assert {name for name, _, _ in formats.values()} == {"beir", "clapnq", "hotpotqa", "multihop-rag", "squad"}
    answered = select(home, "select benchmark_run, count(*) from query_runs join runs using (run_id) "
                            "where query_runs.status = 'answered' group by 1")  # fmt: skip
    assert dict(answered) == dict.fromkeys(ran.values(), 2)
    assert len(ran) == 7
