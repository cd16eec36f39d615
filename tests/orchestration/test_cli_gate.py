"""The gate from the command line: exit codes, JUnit XML, Markdown, and the example for CI."""

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from junitparser import Error, Failure, JUnitXml, Skipped

from dagster_project.cli.main import docmind, run
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.run_names import pin_baselines
from docmind_core.settings import Settings
from docmind_core.suites.gate_policy import read_policy
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.measurements.written_nights import FIRST, SECOND, THIRD, write_night
from tests.runs.running import run as run_benchmark

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "docs" / "examples"
N = 300


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three nights: the second costs 10 % more, the third lost some passes and won others."""
    settings = Settings(home=tmp_path_factory.mktemp("gates"))
    tokens = [1000 + at % 7 for at in range(N)]
    passed = [float(at < 200) for at in range(N)]
    mixed = [0.0] * 25 + passed[25:-20] + [1.0] * 20
    write_night(settings, FIRST, tokens, passed)
    write_night(settings, SECOND, [1.1 * count for count in tokens], passed)
    write_night(settings, THIRD, tokens, mixed)
    publish(settings)
    return settings


@pytest.fixture(scope="module")
def schema():
    xmlschema = pytest.importorskip("xmlschema", reason="make install brings what reads a schema")
    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


@pytest.fixture
def gate(home, schema, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))

    def call(*words):
        code = run(["gate", *words, "--junit", str(tmp_path / "gate.xml")])
        shown = capsys.readouterr()
        schema.validate(tmp_path / "gate.xml")  # in every outcome
        cases = [case for suite in JUnitXml.fromfile(str(tmp_path / "gate.xml")) for case in suite]
        return code, shown, {case.name: [type(found) for found in case.result] for case in cases}

    return call


@pytest.mark.parametrize(
    ("candidate", "code", "state", "cases"),
    [
        (FIRST, 0, "pass", {"passed": [], "good_ratio": [], "billed_tokens": []}),
        (SECOND, 10, "block", {"passed": [], "good_ratio": [], "billed_tokens": [Failure]}),
        (THIRD, 11, "inconclusive", {"passed": [Skipped], "good_ratio": [], "billed_tokens": []}),
    ],
)
def test_each_outcome_has_its_exit_code_and_its_case_in_valid_junit_xml(gate, candidate, code, state, cases):
    found, shown, written = gate("--candidate", candidate, "--baseline", FIRST)
    assert (found, written) == (code, cases)
    assert shown.out.startswith(f"gate: {state}")
    assert bool(re.search(r"[\d,]+ queries would decide", shown.out)) == (code == 11)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "no pinned baseline"),
        (["--baseline", "20250101T000000Z-smoke-7f3a"], "there is no run"),
        (["--candidate", FIRST, "--baseline", FIRST, "--policy", "POLICY"], "unknown gate metric 'pased'"),
    ],
)
def test_what_cannot_be_decided_is_an_error_in_valid_junit_xml_and_exit_code_two(gate, tmp_path, words, problem):
    policy = tmp_path / "gate.yaml"
    policy.write_text("metrics: [pased]")
    code, shown, cases = gate(*(str(policy) if word == "POLICY" else word for word in words))
    assert (code, cases) == (2, {"comparable": [Error]})
    assert problem in shown.err


def test_markdown_and_json_hold_every_test(gate, tmp_path):
    page = tmp_path / "gate.md"
    _, shown, _ = gate("--candidate", SECOND, "--baseline", FIRST, "--json", "--markdown", str(page))
    found = json.loads(shown.out)
    assert (found["state"], [test["state"] for test in found["tests"]]) == ("block", ["pass", "pass", "block"])
    assert {line.count(" | ") for line in page.read_text().splitlines() if line.startswith("| tuned")} == {8}


@pytest.fixture
def blue_things(settings, tmp_path):
    """A pinned baseline that answered 24 questions right; yields its suite, the engine, its key and a policy."""
    texts = [f"The colour of thing {at:02} is blue." for at in range(24)]
    folder = write_query_set(
        tmp_path / "set",
        documents=[{"doc_id": f"d{at}", "title": "", "text": text} for at, text in enumerate(texts)],
        queries=[
            {
                "query_id": f"q{at}",
                "query": f"Which colour has thing {at:02}?",
                "answers": ["blue"],
                "gold_doc_ids": [f"d{at}"],
            }
            for at in range(24)
        ],
    )
    policy = tmp_path / "gate.yaml"
    policy.write_text("metrics: [passed]\nmin_n: 24\n")
    with FakeEngine(reply=lambda body: "blue [1]") as server:
        suite = Suite(
            name="toy", query_set=str(folder), arms=["single_pass"], strategies=["keyword_search"], engine=server.url
        )
        key = run_benchmark(settings, suite)
        score_benchmark_run(settings, key, load_query_set(suite.query_set))
        pin_baselines(settings, key, "first")
        server.reply = lambda body: "red [1]"
        yield suite, server, key, policy


STOPPED = "block at look 4 of 5, 12 of 24 queries asked, 12 not asked"


def test_a_sequential_gate_asks_the_suite_of_the_baseline_and_stops_once_that_decides(
    blue_things, schema, tmp_path, capsys
):
    suite, server, key, policy = blue_things
    junit, before = tmp_path / "gate.xml", len(server.requests)
    code = run(["gate", "--sequential", "--policy", str(policy), "--junit", str(junit)])

    assert (code, capsys.readouterr().out.splitlines()[0].startswith(f"gate: {STOPPED}")) == (10, True)
    assert len(server.requests) - before == 12 + suite.warmup
    schema.validate(junit)
    assert "decided at look 4 of 5" in junit.read_text()
    assert (run(["gate"]), capsys.readouterr().out.startswith(f"gate: {STOPPED}")) == (10, True)
    assert run(["gate", "--baseline", key]) == 2
    assert "remove --policy and --baseline" in capsys.readouterr().err
    assert run(["gate", "--engine", "http://127.0.0.1:1"]) == 2
    assert "--engine requires --sequential" in capsys.readouterr().err


def test_a_sequential_gate_that_is_killed_resumes_and_stops_at_the_same_look(settings, blue_things, tmp_path, capsys):
    suite, server, key, policy = blue_things
    file, before = tmp_path / "toy.yaml", len(server.requests)
    fields = ("name", "query_set", "arms", "strategies", "engine")
    file.write_text(yaml.safe_dump(suite.model_dump(mode="json", include=set(fields))))
    command = ["gate", "--sequential", str(file), "--policy", str(policy)]
    main = "import sys; from dagster_project.cli.main import run; sys.exit(run(sys.argv[1:]))"
    with subprocess.Popen([sys.executable, "-c", main, *command], cwd=PROJECT) as process:

        def kill(_body):
            if len(server.requests) - before >= 8:
                process.kill()
            return "red [1]"

        server.reply = kill
        assert process.wait(240) == -signal.SIGKILL
    server.reply = lambda body: "red [1]"
    (killed,) = {path.name for path in settings.benchmarks.iterdir()} - {key}
    assert run(["bench", str(file), "--resume", killed]) == 0
    capsys.readouterr()
    assert (run(["gate"]), capsys.readouterr().out.startswith(f"gate: {STOPPED}")) == (10, True)
    rows = "select status, expected_queries, stopped_because, (select count(*) from query_runs as q "
    rows += "where q.run_id = runs.run_id and phase = 'measured') from runs where benchmark_run = $key"
    assert query_rows(settings, rows, {"key": killed})[1] == [("decided", 12, f"stopped by the gate: {STOPPED}", 12)]
    assert len(server.requests) - before <= 12 + suite.warmup + suite.concurrency, "what was in progress is asked again"


def test_every_command_of_the_ci_example_is_one_that_exists():
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yaml").read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [shlex.split(step)[1:] for step in steps if "bin/docmind" in step]
    assert [words[0] for words in commands] == ["bench", "gate"]
    for name, *words in commands:
        command = docmind.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert read_policy(EXAMPLES / "gate.yaml").arms == ("tuned",)
