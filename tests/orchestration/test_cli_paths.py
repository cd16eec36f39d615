"""From `docmind bench` to the report in a home whose path has every character that something reads as syntax."""

from dagster_project.cli.main import run
from docmind_core.settings import Settings
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine

NASTY = "run_id=7 a?b%20c [x]*'\"{y}#~;ü\nz"


def test_a_benchmark_runs_is_asked_and_reported_in_a_home_of_any_name(tmp_path, monkeypatch, capsys):
    settings = Settings(home=tmp_path / NASTY / "home")
    monkeypatch.setenv("DOCMIND_HOME", str(settings.home))
    write_query_set(tmp_path / "set")
    suite = tmp_path / "toy.yaml"
    suite.write_text("name: toy\nquery_set: set\narms: [single_pass]\n")

    with FakeEngine() as server:
        assert run(["bench", str(suite), "--engine", server.url]) == 0
    capsys.readouterr()
    assert run(["sql", "select arm, run_id like '%-toy-%.single_pass' as its_own from runs", "--csv"]) == 0
    assert capsys.readouterr().out.split() == ["arm,its_own", "single_pass,True"]
    assert run(["report"]) == 0
    assert len(list(settings.reports.glob("*/index.html"))) == 1
    assert run(["doctor"]) == 0
    assert run(["prune", "--keep", "1"]) == 0
