"""The frozen suite of a benchmark run: `benchmarks/<key>/suite.yaml`."""

import os
import shlex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from docmind_core.errors import RunError, SuiteError, UsageError, did_you_mean
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.blocks import plan_queries
from docmind_core.runs.disk_space import named_disk_errors
from docmind_core.runs.input_check import refuse_unready, with_executor
from docmind_core.runs.keys import (
    NUMBER,
    is_benchmark_run,
    new_benchmark_run,
    next_number,
    suite_of,
)
from docmind_core.runs.pruning import PART, remove_half_frozen
from docmind_core.runs.suite_arms import suite_arm
from docmind_core.serving.profiles import engine_profile
from docmind_core.settings import Settings
from docmind_core.suites.plain_yaml import write_plain_yaml
from docmind_core.suites.scorers import with_own_metrics
from docmind_core.suites.suite import Suite, parse_suite
from docmind_core.tables.publish import publish_first
from docmind_core.tables.segments import replace_durably, sync_folder

_NAMED = "named.txt"


def check_suite(suite: Suite) -> None:
    """Refuse a suite that can't run here, before anything is started.

    Raises:
        UsageError: Unknown arm, engine profile, or query set.
        SettingsError: The engine's key is not in the environment.
        EngineStartError: vLLM would have to be started, and is not installed.
        RetrievalError: What the suite's way to search needs is not installed, or damaged.
        QuerySetError: The query set is not valid.
        SuiteError: It has fewer queries than the suite has blocks.
    """
    for arm in suite.arms:
        suite_arm(suite, arm)
    if not suite.engine_is_remote:
        engine_profile(suite.engine)
    refuse_unready(suite)
    plan_queries(load_query_set(suite.query_set).queries, suite)


def freeze_benchmark_run(
    suite: Suite,
    settings: Settings,
    *,
    source: Suite | None = None,
    named: str | None = None,
    prepare: Callable[[], object] = lambda: None,
    further: Callable[[Suite], Mapping[str, str]] = lambda frozen: {},
) -> str:
    """Check a suite, write it aside under a new key, and return the key; from then on there is a database to read.

    Args:
        suite: What the run executes.
        settings: The home it is written to, and the executor where the file of the suite names none.
        source: The suite as its file has it, where the command line changed something.
        named: The bundled name or the path that the suite was asked for by; None when it can't be asked for again.
        prepare: Called when the suite is found to be in order and nothing is written yet; may refuse by raising.
        further: Given the frozen suite, returns further files to write next to it, by name; may refuse by raising.
    """
    check_suite(executed := with_executor(suite, settings, source=source or suite))
    written, suite = with_own_metrics(source or suite), with_own_metrics(executed)
    files = further(suite)
    prepare()
    remove_half_frozen(settings)
    key = new_benchmark_run(suite.name, datetime.now(UTC))
    # Under another name until it is whole: a process that dies in the middle leaves no run that can't be read.
    folder = settings.benchmarks / f".{key}.{os.getpid()}{PART}"
    try:
        settings.make_home()
        folder.mkdir(parents=True)
        _write_suite(folder / "source.yaml", written)
        _write_suite(folder / "suite.yaml", suite)
        _write_others(folder, next_number(settings.benchmarks), named, files)
        folder.rename(settings.benchmarks / key)
        sync_folder(settings.benchmarks)
    except OSError as error:
        raise RunError(f"{folder}: can't be written ({error.strerror}). Check the disk and DOCMIND_HOME.") from error
    with named_disk_errors(settings):
        publish_first(settings)
    return key


def _write_others(folder: Path, number: int, named: str | None, files: Mapping[str, str]) -> None:
    (folder / NUMBER).write_text(str(number), "ascii")
    if named is not None:
        (folder / _NAMED).write_text(named, "utf-8", "surrogateescape")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def _write_suite(path: Path, suite: Suite) -> None:
    part = path.with_name(f"{path.name}.tmp")
    part.write_text(write_plain_yaml(suite.model_dump(mode="json")), "utf-8")
    replace_durably(part, path)


def replace_frozen_suite(settings: Settings, benchmark_run: str, suite: Suite) -> None:
    """Let a run be judged by another suite from now on; the one before stays next to it, named by the time.

    Raises:
        UsageError: If there is no such benchmark run.
    """
    path = suite_path(settings, benchmark_run)
    path.with_name(f"suite.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.yaml").write_bytes(path.read_bytes())
    _write_suite(path, suite)


def resume_command(settings: Settings, benchmark_run: str) -> str:
    """Return the command that resumes a benchmark run, in whatever folder it is typed."""
    suite = named_source(settings, benchmark_run) or suite_of(benchmark_run)
    return f"docmind bench {shlex.quote(suite)} --resume {benchmark_run}"


def named_source(settings: Settings, benchmark_run: str) -> str | None:
    """Return the bundled name or the path that the suite of a run was asked for by; None where it is not known."""
    path = settings.benchmarks / benchmark_run / _NAMED
    return path.read_text("utf-8", "surrogateescape") if path.is_file() else None


def read_frozen_suite(settings: Settings, benchmark_run: str) -> Suite:
    """Return the suite that a benchmark run was started with.

    Raises:
        UsageError: If there is no such benchmark run.
    """
    return _read_suite(suite_path(settings, benchmark_run))


def restore_source_suite(settings: Settings, benchmark_run: str) -> None:
    """Write the copy of the user's file again, as the suite that the run executes: what else the file had is lost."""
    _write_suite(
        suite_path(settings, benchmark_run).with_name("source.yaml"), read_frozen_suite(settings, benchmark_run)
    )


def read_source_suite(settings: Settings, benchmark_run: str) -> Suite:
    """Return the suite of a benchmark run as its file had it, without what the command line changed.

    Raises:
        UsageError, SuiteError: If there is no such benchmark run, or its copy of the file is damaged.
    """
    return _read_suite(suite_path(settings, benchmark_run).with_name("source.yaml"))


def _read_suite(path: Path) -> Suite:
    try:
        return parse_suite(path.read_text("utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"byte {error.start + 1} is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise SuiteError(f"{path}: damaged ({problem}). Start a new run, or restore the file.") from error


def suite_path(settings: Settings, benchmark_run: str) -> Path:
    """Return where a benchmark run's suite is frozen; a name that is not a key never becomes a path."""
    path = settings.benchmarks / benchmark_run / "suite.yaml"
    if not is_benchmark_run(benchmark_run) or not path.is_file():
        meant = did_you_mean(benchmark_run, (known.name for known in settings.benchmarks.glob("*")))
        raise UsageError(
            f"there is no benchmark run {benchmark_run!r} in {settings.home}.{meant} List them: docmind runs"
        )
    return path


def journal_path(settings: Settings, benchmark_run: str) -> Path:
    """Return where a benchmark run's journal is."""
    return settings.journals / f"{benchmark_run}.sqlite"
