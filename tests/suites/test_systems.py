"""`systems:` of a suite."""

from pathlib import Path

import pytest

from dagster_project.suite_changes import changed_suite
from docmind_core.errors import SuiteError
from docmind_core.measurements.comparing_arms import baselines_of
from docmind_core.runs.manifest import system_hashes
from docmind_core.suites.suite import Suite, load_suite, parse_suite
from docmind_core.suites.systems import SystemSpec

MINE = {"callable": "mine.py:answer"}


def suite(**changes) -> Suite:
    return Suite.model_validate({"name": "toy", "query_set": "x", "systems": {"mine": MINE, "other": MINE}, **changes})


@pytest.mark.parametrize(
    ("given", "arms"),
    [
        ({}, ("single_pass", "mine", "other")),
        ({"arms": ["tuned", "mine"]}, ("tuned", "mine", "other")),
        ({"arms": []}, ("mine", "other")),
        ({"systems": {}}, ("single_pass", "naive_supervisor")),
    ],
)
def test_a_system_is_an_arm_next_to_what_it_is_compared_with(given, arms):
    assert suite(**given).arms == arms


def test_a_frozen_suite_is_read_back_as_it_was():
    found = suite(arms=["mine"])
    assert Suite.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("asked", "arms"),
    [
        ({"arms": "single_pass"}, ("single_pass",)),
        ({"arms": "mine"}, ("mine",)),
        ({"aa": "mine"}, ("mine", "mine.again")),
    ],
)
def test_the_command_line_runs_what_it_names_and_nothing_else(asked, arms):
    found = changed_suite(suite(), asked)
    assert found.arms == arms
    assert [found.system(arm) is not None for arm in arms] == [arm != "single_pass" for arm in arms]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{graph: my_graph.py}", "systems.mine.graph: write file.py:name or package.module:name"),
        ("{}", "set exactly one of graph, callable, command, url; found none"),
        ("{url: 'http://x', command: [a]}", "set exactly one of graph, callable, command, url; found command, url"),
        ("{url: 'ftp://x'}", "systems.mine.url: String should match pattern"),
        ("{callable: 'a:b', input: {q: 1}}", "input is only valid for a graph"),
        ("{callable: 'a:b', answer: 'x['}", "systems.mine.answer: not a JMESPath"),
        ("{callable: 'a:b', agents: {planner: {}}}", "set what its requests have in common"),
        ("{callable: 'a:b', answr: x}", "systems.mine.answr: unknown key. Did you mean answer?"),
    ],
)
def test_a_bad_entry_names_its_key_and_its_line(text, problem):
    with pytest.raises(SuiteError) as refused:
        parse_suite(f"name: toy\nquery_set: x\nsystems:\n  mine: {text}\n", source="f.yaml")
    assert str(refused.value).startswith("f.yaml:4: ")
    assert problem in str(refused.value)


def test_a_name_that_could_not_be_an_arm_s_is_refused():
    with pytest.raises(SuiteError, match="should match pattern"):
        parse_suite("name: toy\nquery_set: x\nsystems: {My-Agents: {url: 'http://x'}}\n", source="f.yaml")


@pytest.mark.parametrize(
    ("prompt", "tools", "agent"),
    [
        ("You write.", (), "writer"),
        ("  You write.", ("search",), "writer"),
        ("Plan.", ("plan",), "planner"),
        ("Plan.", ("plan", "search"), None),
        ("You write.", ("plan",), None),
        ("Other.", (), None),
    ],
)
def test_an_agent_is_named_where_exactly_one_fits(prompt, tools, agent):
    marks = {"writer": {"system_prompt_starts": "You write"}, "planner": {"tools": ["plan"]}}
    assert SystemSpec.model_validate({**MINE, "agents": marks}).agent_of(prompt, frozenset(tools)) == agent


def test_a_system_is_what_its_suite_and_its_file_say(tmp_path: Path):
    (tmp_path / "mine.py").write_text("def answer(question): ...", "utf-8")
    path = tmp_path / "suite.yaml"
    path.write_text("name: toy\nquery_set: x\nsystems: {mine: {callable: 'mine.py:answer'}}\n", "utf-8")
    found = load_suite(str(path))
    before = system_hashes(found)
    (tmp_path / "mine.py").write_text("def answer(question): return 1", "utf-8")

    assert found.systems["mine"].folder == str(tmp_path)
    assert system_hashes(found)["mine"] != before["mine"]
    assert system_hashes(found.model_copy(update={"systems": {}})) == {}


@pytest.mark.parametrize(
    ("conditions", "baselines"),
    [
        (None, ("naive_supervisor", "single_pass")),
        ('{"system": {"compared_with": "single_pass"}}', ("naive_supervisor", "single_pass")),
        ('{"system": {"compared_with": "tuned"}}', ("naive_supervisor", "single_pass", "tuned")),
    ],
)
def test_a_system_is_compared_with_the_arm_that_its_suite_names_too(conditions, baselines):
    assert baselines_of({"conditions": conditions}) == baselines
