"""The user's readers: what they yield goes through the checks of the normal form."""

import re

import pytest

from docmind_core import plugins
from docmind_core.errors import DocMindError, UsageError
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import Evidence, Query
from docmind_core.query_sets.readers import read_query_set
from docmind_core.runs.input_check import check_input
from docmind_core.suites.scorers import plugin_hashes
from docmind_core.suites.suite import Suite, load_suite
from tests.documents import write_query_set

LINES = """
def read(path):
    for line in path.read_text().splitlines():
        question, answer = line.split("|")
        yield {"doc_id": answer, "text": f"{answer} is it."}
        yield {"query_id": question, "query": question, "answers": [answer], "gold_doc_ids": [answer]}
"""


def reader_file(folder, source=LINES, questions="Where?|Paris\nWho?|Ada\n"):
    (folder / "my_reader.py").write_text(source, "utf-8")
    (folder / "questions.txt").write_text(questions, "utf-8")
    return f"{folder / 'my_reader.py'}:read:{folder / 'questions.txt'}"


def test_a_function_of_a_path_makes_a_query_set_named_after_the_file(tmp_path):
    found = load_query_set(reader_file(tmp_path))
    assert found.name == "questions"
    assert [query.gold_answers for query in found.queries] == [("Paris",), ("Ada",)]
    assert [document.doc_id for document in found.documents] == ["Paris", "Ada"]


def test_records_of_the_core_become_what_they_are(tmp_path):
    folder = write_query_set(tmp_path / "set")
    source = (
        "from pathlib import Path\nfrom docmind_core.query_sets.readers import read_query_set\n"
        "def read(path):\n    found = read_query_set(path)\n"
        "    yield from found.queries\n    yield from found.documents\n"
    )
    (tmp_path / "my_reader.py").write_text(source, "utf-8")
    expected = read_query_set(folder)
    assert load_query_set(f"{tmp_path / 'my_reader.py'}:read:{folder}").query_set_hash == expected.query_set_hash


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (LINES.replace('"query": question', '"query": ""'), "queries.jsonl:1: query: must not be empty"),
        (LINES.replace('"query_id": question', '"query_id": "q"'), "duplicate id 'q' (first on line 1)"),
        (LINES.replace('"gold_doc_ids": [answer]', '"gold_doc_ids": ["x"]'), "no document has the id 'x'"),
        (LINES.replace('"|"', '";"'), "can't read"),
        (LINES.replace('"|"', '";"'), "ValueError: not enough values to unpack (expected 2, got 1) (line 4)"),
        ("def read(path):\n    yield 7", "record 1 is neither a document (doc_id) nor a query (query_id): a int"),
        ("def read(path):\n    yield {'id': 1}", "record 1 is neither a document"),
        ("def read(path):\n    yield {'query_id': 'a', 'query': object()}", "TypeError"),
        ("def read(path):\n    raise SystemExit(1)", "SystemExit: 1 (line 2)"),
        ("def read(path):\n    return 3", "TypeError: 'int' object is not iterable"),
        ("read = 3", "is not a reader: a function of a path, or an object with `read`"),
    ],
)
def test_what_a_reader_does_wrong_is_said_and_nothing_is_read(tmp_path, source, said):
    with pytest.raises(DocMindError, match=re.escape(said)):
        load_query_set(reader_file(tmp_path, source))


def test_a_reader_reports_problems_of_its_own_and_prints_to_stderr(tmp_path, capsys):
    source = (
        "class Reader:\n    def read(self, path, problems):\n        print('reading')\n"
        "        problems.add('questions.txt:3', 'answer', 'is missing')\n        return []\nread = Reader()\n"
    )
    with pytest.raises(DocMindError, match=r"questions\.txt:3: answer: is missing"):
        load_query_set(reader_file(tmp_path, source))
    assert capsys.readouterr() == ("", "reading\n")


def test_an_installed_reader_is_named_in_one_word_or_found_by_what_it_accepts(tmp_path, monkeypatch):
    class Point:
        module, attr, name, value = "tests.query_sets.test_plugged_readers", "INSTALLED", "lines", "x"

    monkeypatch.setattr(
        plugins.metadata, "entry_points", lambda group, name=None: [Point] if name in (None, "lines") else []
    )
    reader_file(tmp_path)
    for named in (f"lines:{tmp_path / 'questions.txt'}", str(tmp_path / "questions.txt")):
        assert [query.qrels for query in load_query_set(named).queries] == [{"d": 2}]
    (tmp_path / "questions.md").write_text("other")
    with pytest.raises(UsageError, match="one document, not a query set"):
        load_query_set(str(tmp_path / "questions.md"))


class Installed:
    def accepts(self, path):
        return path.suffix == ".txt"

    def read(self, path, problems):
        yield Document(doc_id="d", title="", text="Paris")
        yield Query(
            query_id="q", text="Where?", gold_answers=("Paris",), gold_doc_ids=("d",), gold_grades=(2,),
            evidence=(Evidence(doc_id="d", text="Paris"),),
        )  # fmt: skip


INSTALLED = Installed()


def test_a_suite_finds_the_reader_and_its_file_next_to_it_and_guards_its_code(tmp_path):
    reference = reader_file(tmp_path)
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: 'my_reader.py:read:questions.txt'\narms: [single_pass]\n", "utf-8")
    suite = load_suite(str(path))
    assert suite.query_set == reference
    assert list(plugin_hashes(suite)) == [f"{tmp_path / 'my_reader.py'}:read"]
    assert plugin_hashes(Suite(name="toy", query_set="python-reference")) == {}
    assert check_input(reference).summary.startswith("query set 'questions': 2 documents, 2 queries")
    assert check_input(str(path)).summary.startswith("suite 'toy'")
