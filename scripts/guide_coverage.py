"""Writes docs/guide-coverage.md: each sentence of the guide that is an item of the acceptance list, and its tests.

    .venv/bin/python scripts/guide_coverage.py

A test covers an item when it names it, in its docstring or in a comment inside it; what its file names says nothing
about the one test. `S13`, `S13-S16` and `S13, S15` are understood. The sentences are in docs/guide-items.csv.
"""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
ITEMS = PROJECT / "docs" / "guide-items.csv"
COVERAGE = PROJECT / "docs" / "guide-coverage.md"

_NAMED = re.compile(r"\bS(\d{1,2})(?:\s?[-–]\s?S?(\d{1,2}))?\b")
_HEAD = """# What the guide says, and the tests of it

Generated: `.venv/bin/python scripts/guide_coverage.py`. "The guide" is DocMind AI's *Multi-Agent Performance Tuning
Guide*; the numbers are those of its acceptance list (S47 to S50 are not assigned). A test is listed here if it names
the item.

| item | the guide says | tests |
|---|---|---|
"""


def items() -> dict[str, str]:
    """Return the guide's sentence by item, in the order of their numbers."""
    with ITEMS.open(encoding="utf-8", newline="") as file:
        return {row["item"]: row["sentence"] for row in csv.DictReader(file)}


def named_items(text: str) -> set[str]:
    """Return the items that a text names; a range names all in it."""
    found: set[str] = set()
    for first, last in _NAMED.findall(text):
        found.update(f"S{number}" for number in range(int(first), int(last or first) + 1))
    return found


def covering_tests(folder: Path = PROJECT / "tests") -> dict[str, list[str]]:
    """Return `file::test` of every test that names an item, by item."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for test, text in _tests(path):
            for item in named_items(text):
                found.setdefault(item, []).append(f"{path.relative_to(folder.parent)}::{test}")
    return found


def _tests(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, what may name items) of each test of a file."""
    source = path.read_text("utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        for test in members:
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and test.name.startswith("test_"):
                own = lines[test.lineno - 1 : test.end_lineno]
                comments = " ".join(line.partition("#")[2] for line in own)
                yield test.name, " ".join([ast.get_docstring(test) or "", comments])


def document() -> str:
    """Return the text of docs/guide-coverage.md."""
    tests = covering_tests()
    return _HEAD + "".join(f"| {item} | {said} | {_shown(tests.get(item, []))} |\n" for item, said in items().items())


def _shown(tests: list[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests) or "no test yet"


if __name__ == "__main__":
    COVERAGE.write_text(document(), "utf-8")
    untested = [item for item in items() if item not in covering_tests()]
    print(f"{COVERAGE}: {len(items())} items; without a test: {', '.join(untested) or 'none'}")
