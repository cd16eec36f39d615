"""What the shell offers after Tab: suites, arms and runs. Bash: eval "$(_DOCMIND_COMPLETE=bash_source docmind)"."""

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def suites(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the bundled suites, and files where none begins so."""
    from docmind_core.suites.suite import bundled_suite_names

    return _beginning(incomplete, bundled_suite_names()) or [CompletionItem(incomplete, type="file")]


def arms(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the arms, after a comma the next one."""
    from docmind_core.agents.arms import ARMS

    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{found.value}") for found in _beginning(last, ARMS)]


def benchmark_runs(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the benchmark runs of the home, newest first."""
    return _beginning(incomplete, _keys())


def runs(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the benchmark runs of the home, and the arms of one after its dot."""
    from docmind_core.settings import load_settings
    from docmind_core.tables.segments import run_ids_of

    key, dot, _ = incomplete.partition(".")
    names = run_ids_of(load_settings().tables, key) if dot else ("latest", "baseline", *_keys())
    return _beginning(incomplete, names)


def _keys() -> list[str]:
    from docmind_core.runs.keys import is_benchmark_run
    from docmind_core.settings import load_settings

    folder = load_settings().benchmarks
    return sorted((path.name for path in folder.glob("*") if is_benchmark_run(path.name)), reverse=True)


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
