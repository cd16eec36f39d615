"""The pages on metrics of one's own and on coming from another tool: what they show is what runs."""

import re
import shlex

import click
import pytest
import yaml

from dagster_project.cli.main import docmind
from docmind_core.metrics.catalogue import METRICS
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.importers.recognising import FORMATS
from docmind_core.serving.profile_files import ProfileFile
from docmind_core.suites.plain_yaml import read_plain_yaml
from docmind_core.suites.scorers import with_own_metrics
from docmind_core.suites.suite import Suite, load_suite
from tests.architecture.source_rules import PROJECT

PAGES = {name: (PROJECT / "docs" / f"{name}.md").read_text("utf-8") for name in ("metrics-of-your-own", "coming-from")}
EXAMPLE = PROJECT / "examples" / "own_metric"
COMMANDS = [line for text in PAGES.values() for line in re.findall(r"^    docmind (.+)$", text, flags=re.MULTILINE)]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], flags=re.DOTALL)


def test_the_worked_example_is_the_one_that_is_run():
    """tests/orchestration/test_own_metrics.py runs it."""
    assert blocks("metrics-of-your-own", "python")[0] == (EXAMPLE / "my_scorers.py").read_text("utf-8")
    assert blocks("metrics-of-your-own", "yaml")[0] == (EXAMPLE / "suite.yaml").read_text("utf-8")
    assert list(with_own_metrics(load_suite(str(EXAMPLE / "suite.yaml"))).own_metrics) == [
        "answer_words",
        "cites_a_source",
    ]


def test_the_reader_of_the_page_reads(tmp_path):
    (tmp_path / "my_reader.py").write_text(blocks("metrics-of-your-own", "python")[1], "utf-8")
    (tmp_path / "questions.txt").write_text("Where is it?|Paris\nWho?|Ada\n", "utf-8")
    found = load_query_set(f"{tmp_path / 'my_reader.py'}:read:{tmp_path / 'questions.txt'}")
    assert [(query.text, query.gold_answers) for query in found.queries] == [
        ("Where is it?", ("Paris",)),
        ("Who?", ("Ada",)),
    ]


def test_the_suite_for_those_who_come_from_another_tool_is_valid():
    for text in blocks("coming-from", "yaml"):
        assert Suite.model_validate(yaml.safe_load(text)).systems


def test_the_engine_profile_of_the_page_is_valid():
    text = (PROJECT / "docs" / "engines.md").read_text("utf-8")
    (profile,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL) if "flags:" in block]
    assert ProfileFile.model_validate(read_plain_yaml(profile)[0]).limits == {"vram_process_peak_gb": 22}
    assert ProfileFile.model_validate(read_plain_yaml(profile.replace("# command", "command"))[0]).command


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_pages_parses(line):
    name, *arguments = shlex.split(line, comments=True)
    command = docmind.commands[name]
    command.make_context(name, arguments, parent=click.Context(docmind))


def test_formats_metrics_and_options_that_the_pages_name_exist():
    text = PAGES["coming-from"]
    formats = {found.name for found in FORMATS}
    assert set(re.findall(r"--format ([a-z]+)", text)) <= formats
    assert {"answer_contained", "citation_precision", "recall@5", "ndcg@10", "evidence_recall", "exact_match"} <= set(
        METRICS
    )
    options = {word for parameter in docmind.commands["import"].params for word in parameter.opts}
    assert set(re.findall(r"^\| `(--[a-z]+)", text, flags=re.MULTILINE)) <= options
