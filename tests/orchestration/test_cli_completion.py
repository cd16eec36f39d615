"""What the shell completes, and which commands print JSON."""

import json

import click
import pytest
from click.shell_completion import ShellComplete

from dagster_project.cli.main import docmind, run
from tests.builders import BENCHMARK_RUN, RUN_ID, write_rows

DATA = {
    "runs", "suites", "arms", "baseline list", "schedule list", "alerts list", "alerts show", "manifest", "rescore",
    "doctor", "systems check", "engine status", "service status", "prune", "check", "sql", "compare", "gate", "import",
}  # fmt: skip


@pytest.fixture
def home(settings, monkeypatch):
    monkeypatch.setenv("DOCMIND_HOME", str(settings.home))
    return settings


def offered(*words: str) -> list[str]:
    *before, incomplete = words
    return [item.value for item in ShellComplete(docmind, {}, "docmind", "_X").get_completions(before, incomplete)]


def test_suites_and_arms_are_completed(home):
    assert offered("bench", "smo") == ["smoke"]
    assert offered("bench", "smoke", "--arms", "single_pass,tun") == ["single_pass,tuned"]
    assert offered("arms", "abl") == ["ablation"]


def test_runs_are_completed_and_after_a_dot_their_arms(home):
    write_rows(home, {})
    (home.benchmarks / BENCHMARK_RUN).mkdir(parents=True)
    assert offered("compare", "2026") == [BENCHMARK_RUN]
    assert offered("compare", f"{BENCHMARK_RUN}.") == [RUN_ID]
    assert offered("bench", "smoke", "--resume", "20") == [BENCHMARK_RUN]
    assert offered("manifest", "latest", "--diff", "b") == ["baseline"]


def commands(group: click.Group, *names: str):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield " ".join((*names, name)), command


def test_every_command_that_prints_data_prints_it_as_json():
    found = {name for name, command in commands(docmind) for option in command.params if "--json" in option.opts}
    assert found == DATA


def test_a_check_says_its_problems_as_json(home, tmp_path, capsys):
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: facts\nlimitt: 3\n")
    assert run(["check", str(path), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert problem["kind"] == "problem"
    assert "Did you mean limit?" in problem["text"]


def test_an_engine_that_is_not_there_is_an_empty_list(home, capsys):
    assert run(["engine", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
