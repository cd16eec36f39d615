"""The gate from the command line: exit codes, JUnit XML, Markdown, and the example for CI."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from junitparser import Error, Failure, JUnitXml, Skipped

from dagster_project.cli.main import docmind, run
from docmind_core.settings import Settings
from docmind_core.suites.gate_policy import read_policy
from docmind_core.tables.publish import publish
from tests.measurements.written_nights import FIRST, SECOND, THIRD, write_night

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
        ([], "no baseline is pinned"),
        (["--baseline", "20250101T000000Z-smoke-7f3a"], "there is no run"),
        (["--candidate", FIRST, "--baseline", FIRST, "--policy", "POLICY"], "there is no metric 'pased'"),
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
