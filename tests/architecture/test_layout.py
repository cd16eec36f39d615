"""The rules of DESIGN on the project's own files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import source_rules as rules

PACKAGES = ("docmind_core", "dagster_project")
EVERYTHING = (*PACKAGES, "tests", "scripts", "benchmarks")
HEAVY = (
    "apprise", "bm25s", "dagster", "duckdb", "httpx", "jinja2", "langgraph", "matplotlib", "numpy", "pandas", "pyarrow",
    "pynvml", "scipy", "statsmodels", "tokenizers", "torch", "transformers", "vllm",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "folders"),
    [
        pytest.param(rules.long_file, EVERYTHING, id="files have at most 300 lines"),
        pytest.param(rules.long_functions, EVERYTHING, id="functions have at most 40 lines"),
        pytest.param(rules.vague_name, EVERYTHING, id="names say what a module holds"),
        pytest.param(rules.code_in_init, PACKAGES, id="an __init__ holds a docstring only"),
        pytest.param(rules.environment_reads, PACKAGES, id="settings.py alone reads the environment"),
        pytest.param(rules.homeless_imports, PACKAGES, id="imports have their homes"),
        pytest.param(rules.fat_assets, PACKAGES, id="assets are thin"),
    ],
)
def test_the_sources_keep_the_rule(rule, folders):
    findings = [finding for path, text in rules.source_files(*folders) for finding in rule(path, text)]
    assert findings == [], "\n".join(findings)


def test_every_package_has_an_init():
    folders = {path.parent for package in PACKAGES for path in (rules.PROJECT / package).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_docmind_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "sys.argv = ['docmind', '--help']\n"
        "from dagster_project.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, None), end.code\n"
        f"print('loaded:', *sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(rules.PROJECT), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]
