"""The import contracts of pyproject.toml catch what they are there to catch, in a skeleton of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_rules import PROJECT

LINT = str(Path(sys.executable).with_name("lint-imports"))


@pytest.fixture
def skeleton(tmp_path):
    """The project's packages without their code, and its pyproject.toml."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    folders = {path.parent.relative_to(PROJECT) for path in (PROJECT / "docmind_core").rglob("*.py")}
    for folder in sorted(folders | {Path("dagster_project")}):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "__init__.py").write_text('"""Doc."""\n', "utf-8")
    for module in ("errors", "plugins", "settings", "query_sets/queries", "query_sets/documents"):
        (tmp_path / "docmind_core" / f"{module}.py").write_text('"""Doc."""\n', "utf-8")
    return tmp_path


def broken_contracts(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", LINT, "--no-logo", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder), "COLUMNS": "400"},
    )
    assert "Contracts" in done.stdout, done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in done.stdout.splitlines() if line.endswith(" BROKEN")]


def test_a_skeleton_keeps_every_contract(skeleton):
    assert broken_contracts(skeleton) == []


@pytest.mark.parametrize(
    ("path", "text", "contract"),
    [
        ("docmind_core/retrieval/x.py", "import docmind_core.runs", "A stage imports stages to its left"),
        ("docmind_core/tables/x.py", "import docmind_core.measurements", "A stage imports stages to its left"),
        ("docmind_core/errors.py", "import docmind_core.tables", "A stage imports stages to its left"),
        ("docmind_core/newcomer/__init__.py", "", "A stage imports stages to its left"),
        ("docmind_core/runs/x.py", "import dagster_project", "The core does not know the project"),
        ("docmind_core/reports/x.py", "def f():\n    import dagster", "Dagster only in dagster_project"),
        ("docmind_core/runs/x.py", "from langgraph.graph import StateGraph", "LangGraph only in agents"),
        ("docmind_core/measurements/x.py", "import duckdb", "DuckDB only in tables"),
        ("dagster_project/x.py", "import httpx", "HTTP only in serving, systems and alerts"),
        ("docmind_core/agents/x.py", "import docmind_core.query_sets.queries", "The system under test cannot see"),
    ],
)
def test_a_planted_import_breaks_its_contract(skeleton, path, text, contract):
    (skeleton / path).parent.mkdir(exist_ok=True)
    (skeleton / path).write_text(f'"""Doc."""\n{text}\n', "utf-8")
    broken = broken_contracts(skeleton)
    assert len(broken) == 1
    assert broken[0].startswith(contract)


def test_gold_answers_are_out_of_reach_by_detours_too(skeleton):
    (skeleton / "docmind_core/query_sets/documents.py").write_text("import docmind_core.query_sets.queries\n", "utf-8")
    (skeleton / "docmind_core/retrieval/x.py").write_text("import docmind_core.query_sets.documents\n", "utf-8")
    assert broken_contracts(skeleton) == ["The system under test cannot see the gold answers"]
