"""The rules of DESIGN on the project's own files."""

import subprocess
import sys

import pytest

from docmind_core.settings import child_environment
from tests.architecture import source_rules as rules

PACKAGES = ("docmind_core", "dagster_project")
EVERYTHING = (*PACKAGES, "tests", "scripts", "benchmarks")
HEAVY = (
    "apprise", "bm25s", "dagster", "duckdb", "httpx", "jinja2", "langgraph", "matplotlib", "numpy", "pandas", "psutil",
    "pyarrow", "pydantic", "pynvml", "rich", "scipy", "statsmodels", "tokenizers", "torch", "transformers", "vllm",
)  # fmt: skip

RUNNING = ("bm25s", "langchain_core", "langgraph", "pyarrow", "scipy", "statsmodels", "torch", "transformers")
"""What answers, searches, scores and writes tables; slow to import, and large."""


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


@pytest.mark.parametrize(
    ("done", "unwanted"),
    [
        pytest.param("run(['--help'])", HEAVY, id="docmind --help"),
        pytest.param("run(['runs']), run(['alerts', 'list'])", RUNNING, id="docmind runs, docmind alerts list"),
        # Seconds, as it imports Dagster: its code server and daemon do no more, and stay that small all night.
        pytest.param("import_module('dagster_project.definitions')", RUNNING, id="sensors and schedules"),
    ],
)
def test_what_runs_nothing_does_not_import_what_runs_need(tmp_path, done, unwanted):
    code = (
        "import sys\nfrom importlib import import_module\nfrom dagster_project.cli.main import run\n"
        f"{done}\nprint('loaded:', *sorted(set(sys.modules) & set({unwanted!r})))"
    )
    environment = child_environment(DOCMIND_HOME=str(tmp_path))
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=rules.PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].split() == ["loaded:"]
