"""No text of the project uses a word that CONTRIBUTING lists under "avoid"."""

import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_rules import PROJECT

LISTED = re.findall(r"^\| (`.+?) \|.*?\|(.*)\|$", (PROJECT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.MULTILINE)
FOLDERS = ("docmind_core", "dagster_project", "scripts", "benchmarks", "docs")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
ENDINGS = {".j2", ".md", ".py", ".sh", ".sql", ".toml", ".yaml"}
DATA = ("docmind_core/agents/prompts", "docmind_core/query_sets/facts", "docmind_core/query_sets/python_reference")
"""Prompts and questions: changing them changes what is measured."""
GENERATED = ("docs/guide-coverage.md",)
"""Made of the names of tests."""


def words(cells: Iterator[str]) -> str:
    """Return a pattern for the phrases in backticks: a break between words may be any space, `_`, or a comment mark."""
    phrases = [phrase for cell in cells for phrase in re.findall(r"`(.+?)`", cell)]
    return "|".join(re.escape(phrase).replace(r"\ ", r"(?:[\s_#]|--|\" *\n *f?\")+") for phrase in phrases)


AVOIDED = re.compile(
    rf"(?<![a-z])(?:(?P<fine>{words(fine for _, fine in LISTED)})|(?P<bad>{words(bad for bad, _ in LISTED)}))(?![a-z])",
    re.IGNORECASE,
)


def findings(path: str, text: str) -> Iterator[str]:
    for found in AVOIDED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        row = text.splitlines()[line - 1]
        if found["bad"] and not (path == "CONTRIBUTING.md" and row.startswith("| `")):
            yield f"{path}:{line}: {found['bad']!r}: see English in CONTRIBUTING.md"


def test_no_text_uses_a_word_to_avoid():
    paths = [PROJECT / page for page in PAGES]
    paths += [path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*")) if path.suffix in ENDINGS]
    named = ((path.relative_to(PROJECT).as_posix(), path) for path in paths)
    found = [
        line
        for name, path in named
        if not name.startswith((*DATA, *GENERATED))
        for line in findings(name, path.read_text("utf-8"))
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# it goes\n    # on", 1),
        ('"which is "\n    f"no number"', 1),
        ("def test_nobody_reads(): ...", 1),
        ("Nobody beside somebody", 3),
        ("there is no server behind a proxy; it is no longer a stand-in", 0),
        ("besides, understanding the standard", 0),
    ],
)
def test_a_word_to_avoid_is_found_across_lines_and_in_names(text, count):
    assert len(list(findings("page.md", text))) == count
