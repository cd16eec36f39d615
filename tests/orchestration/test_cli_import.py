"""`docmind import` on the command line."""

import json

import pytest
from click.testing import CliRunner

from dagster_project.cli.main import docmind, run
from docmind_core.query_sets.importers.recognising import FORMATS


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text("question,reference\nWhere is Bern?,Switzerland\n,lost\n")
    return path


def test_an_import_prints_what_was_made_of_the_source_and_what_comes_next(source, tmp_path, capsys):
    command = ["import", str(source), str(tmp_path / "faq"), "--map", "query=question,answers=reference"]

    assert run(command) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"imported {source} as table into {tmp_path / 'faq'}"
    assert said[1].startswith("query set 'faq': 0 documents, 1 queries, hash ")
    assert "note: 1 records without a question were left out (first: faq.csv:3)" in said
    assert said[-1] == f"to run it, write a suite with the line `query_set: {tmp_path / 'faq'}`"


def test_json_is_what_the_folder_says_of_its_source(source, tmp_path, capsys):
    pairs = ["--map", "query=question", "--map", "answers=reference"]

    assert run(["import", str(source), str(tmp_path / "faq"), *pairs, "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "faq" / "source.json").read_text())
    assert printed["mapping"] == {"query": "question", "answers": "reference"}


@pytest.mark.parametrize("arguments", [[], ["--map", "query=nothing"], ["--format", "nothing"]])
def test_what_cannot_be_imported_is_one_line_and_exit_code_2(source, tmp_path, capsys, arguments):
    assert run(["import", str(source), str(tmp_path / "faq"), *arguments]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("docmind: ")
    assert not (tmp_path / "faq").exists()


def test_the_help_names_every_format():
    said = CliRunner().invoke(docmind, ["import", "--help"]).output.split()

    assert {found.name for found in FORMATS} <= set(said)
