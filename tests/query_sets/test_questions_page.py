"""docs/questions.md, the JSON Schema and the example folder say what is read."""

import json
import re

import pytest

from docmind_core.query_sets.importers.recognising import FORMATS
from docmind_core.query_sets.importers.table import FIELDS
from docmind_core.query_sets.lines import DocumentLine, QueryLine, json_schema
from docmind_core.runs.input_check import check_input
from tests.architecture.source_rules import PROJECT

PAGE = (PROJECT / "docs" / "questions.md").read_text("utf-8")
EXAMPLE = PROJECT / "examples" / "questions"


def test_the_json_schema_is_that_of_the_models():
    written = (PROJECT / "docs" / "questions.schema.json").read_text("utf-8")

    assert written == json_schema() + "\n", "python -m docmind_core.query_sets.lines > docs/questions.schema.json"


@pytest.mark.parametrize(
    ("model", "heading", "file"),
    [(DocumentLine, "## `documents.jsonl`", "documents.jsonl"), (QueryLine, "## `queries.jsonl`", "queries.jsonl")],
)
def test_the_page_and_the_example_have_every_field(model, heading, file):
    section = PAGE.split(heading)[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE)
    used = {name for line in (EXAMPLE / file).read_text("utf-8").splitlines() for name in json.loads(line)}

    assert set(rows) == set(model.model_fields) == used


def test_the_example_has_no_problem_and_no_note():
    checked = check_input(str(EXAMPLE))

    assert checked.summary.startswith("query set 'questions': 3 documents, 5 queries")
    assert checked.notices == ()


def test_the_page_names_every_format_and_every_field_of_a_mapping():
    section = PAGE.split("## Import")[1]

    assert re.findall(r"^\| `([a-z][a-z-]*)`", section, flags=re.MULTILINE) == [*SHOWN, "table"]
    assert {found.name for found in FORMATS} == set(SHOWN)
    assert set(re.findall(r"`(\w+)`", section.split("Fields:")[1].split("\n\n")[0])) >= set(FIELDS)


SHOWN = (
    *("beir", "trec", "squad", "hotpotqa", "musique", "multihop-rag", "dpr", "nq-open", "clapnq", "financebench"),
    *("rageval", "pubmedqa", "ragas", "autorag", "inspect", "promptfoo", "deepeval", "nat"),
)
