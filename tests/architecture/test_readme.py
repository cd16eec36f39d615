"""What the README tells people to type works."""

import re
import shlex

import click
import pytest
import yaml

from dagster_project.cli.main import docmind
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.architecture.source_rules import PROJECT
from tests.builders import write_rows

README = (PROJECT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^    docmind (.+)$", README, flags=re.MULTILINE)
QUERIES = [shlex.split(block)[1] for block in BLOCKS if block.startswith("sql ")]


@pytest.mark.parametrize("line", BLOCKS)
def test_a_command_of_the_readme_parses(line):
    name, *arguments = shlex.split(line)
    command = docmind.commands[name]
    command.make_context(name, arguments, parent=click.Context(docmind))


def test_the_commands_of_the_table_exist():
    rows = re.findall(r"^\| (`docmind .+?) \|", README, flags=re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(?:docmind )?([a-z]+)", row)}
    assert named == set(docmind.commands)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_of_the_readme_runs(home, sql):
    write_rows(home, {})
    publish(home)
    columns, _ = query_rows(home, sql)
    assert columns


def test_the_suite_of_the_readme_is_valid():
    text = re.search(r"```yaml\n(.+?)```", README, flags=re.DOTALL)
    assert Suite.model_validate(yaml.safe_load(text.group(1))).name == "my-suite"


def test_the_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) - targets == set()
