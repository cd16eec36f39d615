"""Checks whether this installation and home can run benchmarks, and explains why no query of a run was answered."""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from docmind_core.errors import DocMindError
from docmind_core.runs.disk_space import files_left, nearest_folder, size_text
from docmind_core.runs.frozen_suite import resume_command
from docmind_core.runs.lock import home_holder
from docmind_core.runs.manifest import package_versions
from docmind_core.runs.pruning import half_frozen
from docmind_core.runs.repair import find_damage
from docmind_core.runs.run_states import BenchmarkRunState, list_benchmark_runs
from docmind_core.serving.bundled_model import BUNDLED_MODEL, damage
from docmind_core.serving.engine import engine_status
from docmind_core.serving.launcher import installed_engine
from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_records, query_rows

FREE_BYTES_MIN = 2 * 10**9
"""The bundled model takes about 0.7 GiB while it is prepared; the rest is room for results."""

FREE_FILES_MIN = 2000
"""An arm writes about twenty files, Dagster some for each launch."""

RUNS_SHOWN = 3

_SHOWN_CHARACTERS = 300
_RESUMING = re.compile(r"\s[A-Z][^.]*--resume\.?\Z")
"""Advice in the error of an unreachable engine, which only applies while queries are left."""

_ADVICE = {
    "RequestRejected": "Check the model, the key, and the suite's answer_max_tokens",
    "ContextOverflow": "Use a longer context window, or lower top_k, level or answer_max_tokens",
    "CallTimeout": "Allow more time (deadline_s of the suite), or lower --concurrency",
    "EngineUnreachable": "Check the engine's log and the network connection to it",
    "NoAnswer": "For each query, see the column ended_because of query_runs",
    "OutputInvalid": "Check that the URL points to a vLLM server, and that no proxy changes its answers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    text: str
    advice: str | None = None
    """What to do about it; None when nothing is wrong."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Check home, disk, packages, engine, model, database and runs; yields one or more findings for each."""
    yield _home(settings)
    yield _disk(settings)
    yield Finding(what="versions", text=_versions())
    yield _engine_package()
    yield _running_engine(settings)
    yield _model(settings)
    yield _database(settings)
    holder = home_holder(settings)
    yield Finding(what="lock", text=f"held by {holder}" if holder else "free")
    yield from _files(settings)
    yield from _runs(settings, busy=holder is not None)


def _files(settings: Settings) -> Iterator[Finding]:
    damaged = [
        Finding(what="file", text=f"{damage.path}: {damage.problem}", advice=damage.advice)
        for damage in find_damage(settings)
    ]
    yield from damaged or [Finding(what="files", text="all segments, journals and suites are readable")]


def _home(settings: Settings) -> Finding:
    place = nearest_folder(settings.home)
    made = str(settings.home) if settings.home.exists() else f"{settings.home} (made by the first run)"
    try:
        # Permissions alone don't tell: a file system can be mounted read-only.
        with tempfile.NamedTemporaryFile(dir=place, prefix=".docmind-", suffix=".tmp"):
            return Finding(what="home", text=made)
    except OSError as error:
        advice = "Set DOCMIND_HOME to a folder you can write to"
        return Finding(what="home", text=f"{made}: can't be written to ({error.strerror})", advice=advice)


def _disk(settings: Settings) -> Finding:
    folder = nearest_folder(settings.home)
    free, files = shutil.disk_usage(folder).free, files_left(folder)
    text = f"{size_text(free)} free" + ("" if files is None else f", room for {files:,} files")
    few_files = files is not None and files < FREE_FILES_MIN
    if free >= FREE_BYTES_MIN and not few_files:
        return Finding(what="disk", text=text)
    short = f"room for fewer than {FREE_FILES_MIN:,} files" if few_files else f"less than {size_text(FREE_BYTES_MIN)}"
    advice = f"Free up disk space: {short} left. See docmind prune --keep N --dry-run"
    return Finding(what="disk", text=text, advice=advice)


def _versions() -> str:
    found = {"python": platform.python_version(), **package_versions()}
    return ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)


def _engine_package() -> Finding:
    name = installed_engine()
    if name is None:
        return Finding(what="engine package", text="none: only external engines can be used (--engine URL)")
    cores = len(os.sched_getaffinity(0))
    return Finding(what="engine package", text=f"{name} {package_versions()[name]}, {cores} CPU cores")


def _running_engine(settings: Settings) -> Finding:
    status = engine_status(settings)
    if status is None:
        return Finding(what="engine", text="not running")
    text = f"{status.profile} at {status.url}"
    if status.healthy:
        return Finding(what="engine", text=f"{text}, healthy")
    return Finding(
        what="engine", text=f"{text} does not answer", advice=f"Check {status.log}, then run docmind engine stop"
    )


def _model(settings: Settings) -> Finding:
    folder = settings.models / BUNDLED_MODEL
    if not folder.exists():
        return Finding(what="bundled model", text="not prepared yet; the first run on cpu-smollm2 fetches it")
    problem = damage(folder)
    if problem is None:
        return Finding(what="bundled model", text=f"{folder}, all files intact")
    return Finding(what="bundled model", text=problem, advice=f"Delete {folder}; the next run prepares it again")


def _database(settings: Settings) -> Finding:
    if not settings.metrics_database.exists():
        return Finding(what="database", text="none yet; the first run publishes it")
    try:
        _, rows = query_rows(settings, "select count(*), (select count(*) from llm_calls) from runs")
    except DocMindError as error:
        return Finding(what="database", text=str(error), advice="Publish it again: docmind doctor --repair")
    arms, calls = rows[0]
    size = settings.metrics_database.stat().st_size
    return Finding(what="database", text=f"{arms:,} runs, {calls:,} calls, {size_text(size)}")


def _runs(settings: Settings, *, busy: bool) -> Iterator[Finding]:
    states = list_benchmark_runs(settings)
    if not states:
        yield Finding(what="runs", text="none yet; start one: docmind bench smoke")
    for folder in (left := half_frozen(settings)):
        advice = "No run used it; the next benchmark removes it"
        yield Finding(what="run", text=f"{folder}: left by a process that died while starting a run", advice=advice)
    for state in states:
        if state.unreadable is not None and settings.benchmarks / state.benchmark_run not in left:
            advice = f"Fix this, or move {settings.benchmarks / state.benchmark_run} away"
            yield Finding(what="run", text=f"{state.benchmark_run}: {state.unreadable}", advice=advice)
    readable = [state for state in states if state.unreadable is None]
    for state in readable[: -RUNS_SHOWN - 1 : -1]:
        yield Finding(what="run", text=_described(settings, state, busy=busy))


def _described(settings: Settings, state: BenchmarkRunState, *, busy: bool) -> str:
    if state.finished:
        return f"{state.benchmark_run}, finished"
    done = f"{state.queries_done} of {state.queries_total or '?'} queries"
    # The process that holds the lock may be working on it.
    then = "" if busy else f"; resume it: {resume_command(settings, state.benchmark_run)}"
    return f"{state.benchmark_run}, {done}{then}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonestError:
    """The error that most failed queries of a benchmark run ended with."""

    answered: int
    """Queries of the whole benchmark run, over all arms."""
    failed: int
    error_type: str | None
    error_message: str | None
    queries: int
    """Failed with this type of error."""


def commonest_error(settings: Settings, benchmark_run: str) -> CommonestError | None:
    """Return the most frequent error of a benchmark run; None when no query failed."""
    parameters = {"benchmark_run": benchmark_run}
    return next(iter(query_records(settings, CommonestError, sql_text("commonest_error"), parameters)), None)


def nothing_answered(settings: Settings, benchmark_run: str) -> str | None:
    """Return why most queries failed, with advice; None if any query was answered, or none has ended."""
    found = commonest_error(settings, benchmark_run)
    if found is None or found.answered:
        return None
    cause = " ".join(": ".join(part for part in (found.error_type, found.error_message) if part).split())
    cause = _RESUMING.sub("", cause)[:_SHOWN_CHARACTERS].rstrip(".")
    share = "all" if found.queries == found.failed else f"{found.queries:,}"
    advice = _ADVICE.get(found.error_type or "", "List them: docmind sql \"from query_runs where status = 'failed'\"")
    return (
        f"no query of {benchmark_run} was answered; {share} of {found.failed:,} failed with {cause}. "
        f"{advice}; then start a new run, because finished queries are not asked again."
    )
