"""What the README and the pages it links tell people to type works."""

import re
import shlex

import click
import pytest
import yaml

from dagster_project.cli.main import docmind
from docmind_core.suites.suite import parse_suite
from docmind_core.suites.systems import KINDS, SystemSpec
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from scripts import reference_tables
from tests.architecture.source_rules import PROJECT
from tests.builders import write_rows

README = (PROJECT / "README.md").read_text("utf-8")
PAGES = {
    name: (PROJECT / "docs" / f"{name}.md").read_text("utf-8")
    for name in ("commands", "engines", "index", "sql", "suites")
}
TYPED = "\n".join((README, PAGES["engines"], PAGES["index"], PAGES["sql"]))
BLOCKS = list(dict.fromkeys(re.findall(r"^    docmind (.+)$", TYPED, flags=re.MULTILINE)))
QUERIES = [shlex.split(block)[1] for block in BLOCKS if block.startswith('sql "')]


@pytest.mark.parametrize("line", BLOCKS)
def test_a_command_of_the_readme_parses(line):
    name, *arguments = shlex.split(line.partition(" < ")[0])
    command = docmind.commands[name]
    command.make_context(name, arguments, parent=click.Context(docmind))


def test_the_commands_of_the_table_exist():
    rows = re.findall(r"^\| (`docmind .+?) \|", PAGES["commands"], flags=re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(?:docmind )?([a-z]+)", row)}
    assert named == set(docmind.commands)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_of_the_readme_runs(home, sql):
    write_rows(home, {})
    publish(home)
    columns, _ = query_rows(home, sql)
    assert columns


@pytest.mark.parametrize("text", [README, PAGES["suites"]], ids=["README", "suites"])
def test_the_suite_of_the_page_is_valid(text):
    suite = re.search(r"```yaml\n(.+?)```", text, flags=re.DOTALL)
    assert parse_suite(suite.group(1), source="page").name == "my-suite"


def test_the_readme_is_short():
    assert len(README.split()) <= 900


@pytest.mark.parametrize("name", reference_tables.PAGES)
def test_the_generated_part_of_a_page_is_what_its_command_writes(name):
    text = (PROJECT / "docs" / name).read_text("utf-8")
    assert text == reference_tables.page(name), "run: python -m scripts.reference_tables"


def test_the_example_of_each_key_is_valid():
    suite = {"name": "s", "query_set": "facts", "limits": {"agent_latency_p95_s": 2}}
    suite["engine"] = "http://gpu-server:8000"  # Ray starts none
    for key, (_, example) in reference_tables.SUITE.items():
        found = parse_suite(yaml.safe_dump({**suite, **yaml.safe_load(example)}), source="page")
        assert key in found.model_fields_set, key
    for key, (_, example) in reference_tables.SYSTEM.items():
        system = yaml.safe_load(example)
        kind = {} if set(system) & set(KINDS) else {"graph": "a.py:b"}
        assert key in SystemSpec.model_validate({**kind, **system}).model_fields_set, key


def test_the_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", TYPED)) - targets == set()
