"""Finding damaged files of a home, and rebuilding them from its journals."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docmind_core.errors import DocMindError
from docmind_core.runs.folding import FOLDED, fold_arm
from docmind_core.runs.frozen_suite import journal_path, read_source_suite, restore_source_suite, resume_command
from docmind_core.runs.journal import Journal
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.settings import Settings
from docmind_core.tables.damage import (
    damaged_files,
    damaged_runs,
    set_aside,
    sqlite_problem,
    unreadable_segments,
)
from docmind_core.tables.publish import publish

_REPAIR = "Repair it: docmind doctor --repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file that cannot be read, or one that was set aside because it could not."""

    path: Path
    problem: str
    advice: str


def find_damage(settings: Settings) -> Iterator[Damage]:
    """Open the footer of every segment, quick-check every SQLite file, and read every frozen suite."""
    yield from _damaged_segments(settings)
    lost = "Restore it from a backup: without it the run can be neither resumed nor repaired"
    advice = {
        settings.alerts_database: _REPAIR,
        settings.caches_database: f"Delete it; it is only a cache: rm {settings.caches_database}",
        **dict.fromkeys(sorted(settings.journals.glob("*.sqlite")), lost),
    }
    for path, text in advice.items():
        found = sqlite_problem(path)
        if found is not None:
            yield Damage(path=path, problem=found, advice=text)
    yield from _damaged_suites(settings)


def _damaged_segments(settings: Settings) -> Iterator[Damage]:
    for path, problem in unreadable_segments(settings.tables):
        yield Damage(path=path, problem=problem, advice=_REPAIR)
    for path in damaged_files(settings):
        yield Damage(path=path, problem="set aside as damaged", advice=_REPAIR)


def _damaged_suites(settings: Settings) -> Iterator[Damage]:
    """Yield damaged copies of the user's file; a damaged `suite.yaml` is named where the runs are listed."""
    for state in list_benchmark_runs(settings):
        if state.unreadable is None:
            try:
                read_source_suite(settings, state.benchmark_run)
            except DocMindError as error:
                path = settings.benchmarks / state.benchmark_run / "source.yaml"
                problem = str(error).removeprefix(f"{path}: ").removesuffix(". Start a new run, or restore the file.")
                yield Damage(path=path, problem=problem, advice=_REPAIR)


def repair(settings: Settings) -> Iterator[str]:
    """Set damaged files aside, write the segments again that a journal holds, and publish; yield what was done.

    The caller holds the lock of the home.
    """
    for path, problem in list(unreadable_segments(settings.tables)):
        yield f"set aside {set_aside(path).relative_to(settings.home)}: {problem}"
    for run_id, tables in damaged_runs(settings.tables).items():
        yield from _rebuild(settings, run_id, tables)
    for damage in list(_damaged_suites(settings)):
        aside = set_aside(damage.path) if damage.path.exists() else None
        restore_source_suite(settings, damage.path.parent.name)
        was = f"set aside as {aside.name}" if aside else "missing"
        yield f"{damage.path.relative_to(settings.home)} was {was}; rebuilt from suite.yaml"
    if sqlite_problem(settings.alerts_database):
        set_aside(settings.alerts_database)
    kept = settings.home / "damaged"
    for path in damaged_files(settings):
        if path.parent == settings.home:
            kept.mkdir(exist_ok=True)
            path.rename(kept / path.name)
            yield f"moved {path.name} to {kept}; its alerts are lost; the next benchmark evaluates new ones"
    publish(settings, rebuild=True)
    yield f"published {settings.metrics_database}"


def _rebuild(settings: Settings, run_id: str, tables: list[str]) -> Iterator[str]:
    benchmark_run = run_id.partition(".")[0]
    path = journal_path(settings, benchmark_run)
    if not path.exists() or sqlite_problem(path):
        yield f"{run_id} is not in the database: its journal {path} is missing or damaged"
        return
    with Journal(path, read_only=True) as journal:
        begun = journal.arm(run_id)
        if begun is None or begun.ended_at is None:
            yield f"{run_id} is not finished; resume it: {resume_command(settings, benchmark_run)}"
            return
        if folded := [table for table in FOLDED if table in tables]:
            fold_arm(settings, journal, run_id, begun.expected_queries, tables=folded)
            yield f"{run_id}: rebuilt {', '.join(folded)} from its journal"
    if derived := [table for table in tables if table not in FOLDED]:
        again = resume_command(settings, benchmark_run)
        yield f"{run_id}: to recompute {', '.join(derived)} without model calls, run: {again}"
