"""`docmind init` writes a suite that is valid as it is, and overwrites nothing."""

from dagster_project.cli.main import run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.suites.suite import load_suite


def test_what_init_writes_is_valid_and_has_two_answerable_questions(tmp_path, capsys):
    assert run(["init", str(tmp_path / "My Suite!"), "--engine", "http://gpu-server:8000"]) == 0
    path = tmp_path / "My Suite!" / "suite.yaml"
    assert f"docmind bench {path}" in capsys.readouterr().out
    suite = load_suite(str(path))
    assert (suite.name, suite.engine) == ("my-suite", "http://gpu-server:8000")
    assert [query.gold_answers[0] for query in load_query_set(str(suite.query_set)).queries] == ["Bern", "Zurich"]
    assert run(["check", str(path)]) == 0


def test_init_never_overwrites(tmp_path, capsys):
    assert run(["init", str(tmp_path / "mine")]) == 0
    assert run(["init", str(tmp_path / "mine")]) == 2
    assert "already has a suite" in capsys.readouterr().err
