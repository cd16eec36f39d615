"""`docmind import` as a whole: the folder appears when it is whole, and stale labels are found."""

import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
from docmind_core.query_sets.readers import read_query_set
from docmind_core.runs.input_check import check_input
from tests.documents import PROJECT


def request(source, folder, **options):
    return ImportRequest(source=source, folder=folder, mapping=options.pop("mapping", {}), **options)


def nat(folder, *questions):
    """A file of questions: id, question, answer."""
    records = [dict(zip(("id", "question", "answer"), values, strict=True)) for values in questions]
    path = folder / "questions.json"
    path.write_text(json.dumps(records))
    return path


def beir(folder, documents, qrels):
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": k, "text": v}) + "\n" for k, v in documents.items())
    )
    queries = dict.fromkeys(query_id for query_id, _, _ in qrels)
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": k, "text": f"Question {k}?"}) + "\n" for k in queries)
    )
    rows = "".join("\t".join(map(str, row)) + "\n" for row in qrels)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return folder


def test_a_folder_says_where_it_came_from_and_reads_as_what_was_imported(tmp_path):
    source = nat(tmp_path, ("1", "Where?", "Bern"), ("2", "", "x"))

    query_set, origin = import_query_set(request(source, tmp_path / "deep" / "set"))

    read = read_query_set(tmp_path / "deep" / "set")
    assert read == query_set
    assert read.name == "set"
    written = json.loads((tmp_path / "deep" / "set" / "source.json").read_text())
    assert written["format"] == origin.format == "nat"
    assert written["counts"]["queries"] == 1
    assert written["notes"] == ["1 records without a question were left out (first: questions.json, record 2)"]
    assert set(written["notes"]) < set(read.notices)
    assert check_input(str(tmp_path / "deep" / "set")).summary.endswith("no problems found")


@pytest.mark.parametrize("make", [lambda path: path.write_text("x"), lambda path: (path / "kept").mkdir(parents=True)])
def test_what_exists_is_never_written_over(tmp_path, make):
    make(tmp_path / "set")

    with pytest.raises(UsageError, match="exists and is not an empty folder"):
        import_query_set(request(nat(tmp_path, ("1", "Where?", "Bern")), tmp_path / "set"))


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "set").mkdir()

    import_query_set(request(nat(tmp_path, ("1", "Where?", "Bern")), tmp_path / "set"))

    assert (tmp_path / "set" / "queries.jsonl").is_file()


def test_a_set_appears_at_once_by_a_rename(tmp_path, monkeypatch):
    renamed = []
    rename = Path.rename

    def noted(self, target):
        renamed.append((sorted(path.name for path in self.iterdir()), target, target.exists()))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", noted)
    import_query_set(request(nat(tmp_path, ("1", "Where?", "Bern")), tmp_path / "set"))

    assert renamed == [(["documents.jsonl", "queries.jsonl", "source.json"], tmp_path / "set", False)]


KILLED = """
import os, signal, sys
from pathlib import Path
from docmind_core.query_sets.importers import importing
importing._described = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
importing.import_query_set(importing.ImportRequest(source=Path(sys.argv[1]), folder=Path(sys.argv[2]), mapping={}))
"""


def test_a_killed_import_leaves_no_set_and_the_next_one_cleans_up(tmp_path):
    source = nat(tmp_path, ("1", "Where?", "Bern"))
    folder = tmp_path / "sets" / "mine"
    command = [sys.executable, "-c", KILLED, str(source), str(folder)]

    assert subprocess.run(command, check=False, cwd=PROJECT).returncode == -signal.SIGKILL
    assert not folder.exists()
    assert len(list(folder.parent.iterdir())) == 1

    in_use = folder.parent / ".mine.importing-other"
    in_use.mkdir()
    with (in_use / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        import_query_set(request(source, folder))
    assert {path.name for path in folder.parent.iterdir()} == {".mine.importing-other", "mine"}


def test_ids_that_fit_no_document_are_left_out_noted_and_their_queries_tagged(tmp_path):
    source = beir(
        tmp_path / "beir", {"a": "text"}, [("1", "a", 1), ("1", "gone", 2), ("2", "gone too", 1), ("3", "a", 1)]
    )

    query_set, origin = import_query_set(request(source, tmp_path / "set"))

    assert [(query.gold_doc_ids, query.tags) for query in query_set.queries] == [
        (("a",), ("stale_gold",)),
        ((), ("stale_gold",)),
        (("a",), ()),
    ]
    assert "2 gold ids match no document and were removed from their queries, now tagged stale_gold" in origin.notes[0]
    assert "'gone'" in origin.notes[0]


def dpr(folder, *records):
    path = folder / "dpr.jsonl"
    rows = (
        {"question": question, "answers": answers, "positive_ctxs": [{"title": "", "text": text}]}
        for question, answers, text in records
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_answers_in_no_document_are_noted_and_those_in_any_are_not(tmp_path):
    source = dpr(
        tmp_path,
        ("In its own?", ["1,000 BERNE"], "They are 1000 or 1,000, Berne says."),
        ("In another one?", ["is the CAPITAL"], "Nothing here."),
        ("In none?", ["Zurich"], "Paris is the capital."),
        ("One of two?", ["Rome", "paris"], "Nothing here."),
        ("Half a word?", ["api"], "Nothing here."),
        ("Without spaces?", ["巴黎"], "法国的首都是巴黎。"),
        ("Cannot be looked for?", ["yes"], "Nothing here."),
        ("Only its longest word?", ["capital of Spain"], "Nothing here."),
    )

    _, origin = import_query_set(request(source, tmp_path / "set"))

    assert origin.notes == ("3 questions have no accepted answer that is in a document (first: q3, q5, q8)",)


def test_duplicate_questions_are_noted_and_kept(tmp_path):
    source = nat(tmp_path, ("1", "Where is it?", "Bern"), ("2", "where IS it", "Rom"), ("1", "Who?", "Ada"))

    query_set, origin = import_query_set(request(source, tmp_path / "set"))

    assert [query.query_id for query in query_set.queries] == ["1", "2", "1-2"]
    assert origin.notes == (
        "1 questions repeat an earlier one word for word; they count as one cluster (first: questions.json, record 2)",
        "1 queries have the id of an earlier one and were numbered (first: questions.json, record 3)",
    )


@pytest.mark.parametrize("odd", [" padded ", "a\tb", "../up", "x" * 300, "line\nbreak", "zero\u200bwidth"])
def test_an_id_that_no_set_may_hold_becomes_one_and_still_names_its_document(tmp_path, odd):
    beir(tmp_path / "beir", {odd: "x"}, [("1", f'"{odd}"', 1)])

    query_set, _ = import_query_set(request(tmp_path / "beir", tmp_path / "set"))

    assert query_set.queries[0].gold_doc_ids == (query_set.documents[0].doc_id,)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format_name": "sqad"}, r"unknown format 'sqad'\. Did you mean squad\? Choose from beir, trec,"),
        ({"format_name": "squad", "mapping": {"query": "question"}}, "--map only works with --format table"),
        ({"format_name": "squad"}, "is not a set in the form of SQuAD: its first records have the fields id, question"),
        ({"split": "dev"}, "--split selects files of a folder"),
    ],
)
def test_options_that_fit_nothing_are_refused(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        import_query_set(request(nat(tmp_path, ("1", "Where?", "Bern")), tmp_path / "set", **options))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", "colour,size\nred,5\n", "is not in a known format.*; the columns are colour, size"),
        ("x.csv", "question,answer\nWhere?,Bern\n", "map the columns: --map query=question,answers=answer"),
        ("x.csv", "", "contains no records"),
        ("x.json", "[]", "contains no records"),
        ("x.md", "# Questions\nWhere?\n", "is one document, not a query set or a suite. Convert it"),
    ],
)
def test_a_source_of_no_known_format_is_said_to_be_what_it_is(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)

    with pytest.raises(UsageError, match=said):
        import_query_set(request(tmp_path / name, tmp_path / "set"))


def test_a_folder_of_several_splits_takes_a_choice(tmp_path):
    for name in ("train", "validation"):
        nat(tmp_path, (name, "Where?", "Bern")).rename(tmp_path / f"squad_{name}.json")

    with pytest.raises(UsageError, match="choose one with --split: squad_train, squad_validation"):
        import_query_set(request(tmp_path, tmp_path.parent / f"{tmp_path.name}-none"))
    query_set, _ = import_query_set(request(tmp_path, tmp_path.parent / f"{tmp_path.name}-set", split="train"))

    assert [query.query_id for query in query_set.queries] == ["train"]


def test_shards_of_one_split_are_read_in_order(tmp_path):
    row = {"context": "Bern it is.", "question": "Where?", "answers": {"text": ["Bern"], "answer_start": [0]}}
    for name, ids in (("train-00000-of-00002", "ab"), ("train-00001-of-00002", "c"), ("test-00000-of-00001", "d")):
        path = tmp_path / "squad" / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([{"id": query_id, **row} for query_id in ids]), path)

    query_set, origin = import_query_set(request(tmp_path / "squad", tmp_path / "set", split="train"))

    assert [query.query_id for query in query_set.queries] == ["a", "b", "c"]
    assert [file.file for file in origin.files] == [f"data/train-0000{number}-of-00002.parquet" for number in (0, 1)]


@pytest.mark.parametrize(
    ("labels", "abstains"),
    [
        ({"is_impossible": True, "answers": []}, True),
        ({"answers": []}, True),
        ({"is_impossible": False, "answers": []}, False),
        ({}, False),
    ],
)
def test_a_question_without_labels_is_not_taken_for_an_unanswerable_one(tmp_path, labels, abstains):
    asked = [{"id": "1", "question": "Where?", **labels}]
    source = tmp_path / "squad.json"
    source.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Bern it is.", "qas": asked}]}]}))

    query_set, _ = import_query_set(request(source, tmp_path / "set"))

    assert (query_set.queries[0].expected_abstain, query_set.queries[0].gold_answers) == (abstains, ())
