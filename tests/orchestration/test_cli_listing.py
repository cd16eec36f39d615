"""What there is: benchmark runs, suites, arms."""

import json

import pytest
import yaml

from dagster_project.cli.main import run
from docmind_core.runs.health import examine

KEY = "20261122T020000Z-mine-7f3a"


@pytest.fixture
def shown(capsys):
    def show(*arguments):
        assert run(arguments) == 0
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    return show


def test_a_new_home_says_how_to_start(settings, capsys):
    assert run(["runs"]) == 0
    assert capsys.readouterr().out == "no benchmark runs yet; start one: docmind bench smoke\n"


def test_runs_shows_a_benchmark_run_that_has_not_begun(settings, shown):
    folder = settings.benchmarks / KEY
    folder.mkdir(parents=True)
    suite = {"name": "mine", "query_set": "python-reference", "arms": ["single_pass"]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    assert shown("runs")[-1] == [KEY, "single_pass", "0", "no"]


@pytest.mark.parametrize("content", [b"", b"name: mine\ncolour: red\n", b"\xff\xfe"])
def test_one_run_that_cannot_be_read_does_not_hide_the_others(settings, shown, capsys, content):
    test_runs_shows_a_benchmark_run_that_has_not_begun(settings, shown)
    broken = settings.benchmarks / KEY.replace("7f3a", "aaaa")
    broken.mkdir()
    (broken / "suite.yaml").write_bytes(content)

    listed = {words[0]: words[1:] for words in shown("runs")[2:] if words}
    assert listed[KEY] == ["single_pass", "0", "no"]
    assert listed[broken.name][0] == "unreadable:"
    (problem,) = [finding for finding in examine(settings) if broken.name in finding.text]
    assert f"move {broken} away" in problem.advice


def test_suites_lists_the_bundled_ones_and_those_of_the_home(settings, shown):
    folder = settings.home / "suites"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("name: mine\nquery_set: python-reference\nlimit: 3\n")
    names = [words[0] for words in shown("suites")[2:]]
    assert names[:5] == ["ablation", "conversations", "nightly", "retrieval", "smoke"]
    assert names[-1] == str(folder / "mine.yaml")


def test_a_broken_suite_of_the_home_does_not_hide_the_others(settings, capsys):
    folder = settings.home / "suites"
    folder.mkdir(parents=True)
    (folder / "broken\x1b[2J.yaml").write_text("name: [")
    assert run(["suites"]) == 0
    shown = capsys.readouterr()
    assert r"broken\x1b[2J.yaml" in shown.err
    assert "smoke" in shown.out


def test_arms_says_what_each_shows(settings, shown):
    names = [words[0] for words in shown("arms")[2:] if words]
    assert {"single_pass", "naive_supervisor"} <= set(names)


def test_arms_says_which_levers_are_on_and_why_one_is_refused(settings, capsys):
    assert run(["arms"]) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.startswith("tuned-dedupe ")]
    assert "context_isolation" in line
    assert "dedupe," not in line
    assert "reranked at thorough" in line
    assert "repeats replaced" not in line
    assert "depth, router, planner, rerank" in line
    assert "The same in every arm: passages for the same search" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("forward_message ")]
    assert "naive+forward_message" in line
    assert "refused: tuned has no supervisor" in line


def test_without_an_engine_status_and_stop_say_so(settings, capsys):
    assert run(["engine", "status"]) == 0
    assert run(["engine", "stop"]) == 0
    assert capsys.readouterr().out == "no engine is running\nno engine was running\n"


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (("runs",), None),
        (("suites",), {"suite": "ablation"}),
        (("arms",), {"arm": "single_pass"}),
        (("arms", "smoke"), {"arm": "extractive"}),
        (("alerts", "list"), None),
        (("baseline", "list"), None),
        (("schedule", "list"), None),
    ],
)
def test_a_listing_is_json_too(settings, capsys, arguments, first):
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (first or {}).items() <= (found[0].items() if found else {}.items())


def test_a_suite_that_is_nearly_named_is_suggested(capsys):
    assert run(["arms", "smok"]) == 2
    assert "there is no suite 'smok'. Did you mean smoke?" in capsys.readouterr().err
