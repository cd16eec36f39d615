"""`docmind check` on data of another form: what it is, the command that imports it, and never advice about suites."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docmind_core.errors import UsageError
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.input_check import check_input

SQUAD = json.dumps({"version": "1.1", "data": [{"title": "x", "paragraphs": []}]})
TEXTS = {
    "questions.csv": ("question,answer\nWhere?,Paris\n", "a CSV table with the columns question, answer"),
    "questions.tsv": ("id\ttext\n1\tx\n", "a tab-separated table with the columns id, text"),
    "squad.json": (SQUAD, "a set in the form of SQuAD"),
    "list.json": ('[{"question": "Where?"}]', "one JSON array"),
    "object.json": ('{"questions": []}', "one JSON object"),
    "corpus.jsonl": ('{"_id": "1"}\n', "JSON Lines"),
    "no-suffix": ('[{"question": "Where?"}]', "one JSON array"),
    "notes.txt": ("Paris is the capital.", "one document"),
    "book.pdf": ("%PDF-1.7", "a PDF document"),
    "sheet.xlsx": ("PK\x03\x04...", "a ZIP archive or a spreadsheet"),
    "empty.csv": ("", "an empty csv file"),
}


MAPPED = {
    "questions.csv": "query=question,answers=answer",
    "questions.tsv": "query=text,query_id=id",
    "list.json": "query=question",
}


def refused(path):
    with pytest.raises(UsageError) as caught:
        check_input(str(path))
    said = str(caught.value)
    assert "\n" not in said
    assert "yaml" not in said.lower()
    assert "mapping" not in said
    return said


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_file_of_data_is_named_for_what_it_is(tmp_path, name, packed):
    text, what = TEXTS[name]
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())

    said = refused(path)

    assert said.startswith(
        f"{path} is {what}{', compressed with gzip' if packed else ''}, not a query set or a suite. "
    )
    if name in MAPPED:
        assert said.endswith(f"Import it: docmind import {path} FOLDER --map {MAPPED[name]}")
    else:
        assert "documents.jsonl (doc_id, title, text) and queries.jsonl" in said
    with pytest.raises(UsageError, match="not a query set or a suite"):
        load_query_set(str(path))


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("questions.csv", "q,a\n".encode("utf-16"), "a file in UTF-16"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a binary file"),
    ],
)
def test_a_file_that_is_not_text_is_named_for_what_it_is(tmp_path, name, data, what):
    (tmp_path / name).write_bytes(data)

    assert f"{name} is {what}, not a query set or a suite. " in refused(tmp_path / name)


def test_a_parquet_table_is_known_by_its_content(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "data")

    assert "is a Parquet table, not a query set" in refused(tmp_path / "data")


@pytest.mark.parametrize("name", ["documents.jsonl", "queries.jsonl.gz"])
def test_one_file_of_a_query_set_names_the_folder(tmp_path, name):
    (tmp_path / name).write_bytes(b"{}\n")

    with pytest.raises(UsageError, match=r"give the folder|damaged"):
        check_input(str(tmp_path / name))


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"), "a set in the form of BEIR"),
        (("train.parquet",), "a folder of Parquet tables"),
        (("a.csv", "b.csv"), "a folder of CSV tables"),
        (("dev-v1.1.json",), "a folder of JSON files"),
    ],
)
def test_a_folder_in_another_form_is_named_for_what_it_is(tmp_path, files, what):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")

    assert f"{tmp_path} is {what}" in refused(tmp_path)
    with pytest.raises(UsageError, match=what):
        load_query_set(str(tmp_path))


def test_a_suite_written_as_json_is_still_a_suite(tmp_path):
    path = tmp_path / "suite.json"
    path.write_text('{"name": "toy", "query_set": "python-reference", "engine": "http://127.0.0.1:9"}')

    assert check_input(str(path)).summary.startswith("suite 'toy'")
