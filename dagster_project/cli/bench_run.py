"""What `docmind bench` does once its heavy imports are due."""

from collections.abc import Mapping
from pathlib import Path

from dagster import DagsterExecutionInterruptedError

from dagster_project.cli.progress_display import progress_display
from dagster_project.cli.terminal_text import say
from dagster_project.launch import launch_benchmark
from dagster_project.scheduling import inactive_schedule
from dagster_project.suite_changes import changed_suite, option_of
from docmind_core.alerts.listing import open_alerts_line
from docmind_core.errors import RunError, UsageError
from docmind_core.reports.benchmark import read_summary
from docmind_core.reports.terminal_layout import terminal_width
from docmind_core.runs.adding_replicates import refuse_addition, with_additions
from docmind_core.runs.changed_suite import ask_interrupted_again, refuse_lost_journal, resume_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path, named_source, read_frozen_suite
from docmind_core.runs.health import nothing_answered
from docmind_core.runs.input_check import engine_request, read_suite
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import benchmark_run_of, is_benchmark_run
from docmind_core.runs.lock import lock_home
from docmind_core.runs.pruning import pinned_runs
from docmind_core.runs.run_names import LATEST, latest_benchmark_run
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.runs.suite_arms import admit_engine
from docmind_core.serving.engine import prepare_engine
from docmind_core.settings import Settings, load_settings
from docmind_core.suites.suite import Suite, bundled_suite_names, persistent_name
from docmind_core.tables.reading import query_rows


def start_suite(name_or_path: str, changes: Mapping[str, object]) -> str:
    """Freeze the suite with `changes` under a new key, run it, and return the key."""
    settings = load_settings()
    source = read_suite(name_or_path)
    suite = changed_suite(source, changes)
    if notice := inactive_schedule(settings, name_or_path, source):
        _say(f"note: {notice}")
    with lock_home(settings, f"docmind bench {name_or_path}"):
        benchmark_run = freeze_benchmark_run(
            suite,
            settings,
            source=source,
            named=persistent_name(name_or_path),
            prepare=lambda: refuse_unfit_engine(suite, settings),
        )
        _run(settings, benchmark_run, name_or_path)
    return benchmark_run


def resume_suite(
    name_or_path: str, key: str, changes: Mapping[str, object], *, resume_anyway: bool, redo_interrupted: bool
) -> str:
    """Resume a benchmark run under its frozen suite, the newest unfinished one for an empty key, and return its key."""
    if changes:
        options = ", ".join(option_of(name) for name in changes)
        raise UsageError(f"--resume uses the frozen suite; remove {options}.")
    settings = load_settings()
    with lock_home(settings, f"docmind bench {name_or_path} --resume"):
        benchmark_run = key or _newest_unfinished(settings, name_or_path)
        _refuse_silent_engine(read_frozen_suite(settings, benchmark_run), settings)
        if notice := resume_benchmark_run(settings, benchmark_run, read_suite(name_or_path), anyway=resume_anyway):
            say(notice, err=True)
        if redo_interrupted:
            _say(ask_interrupted_again(settings, benchmark_run))
        _run(settings, benchmark_run, name_or_path)
    return benchmark_run


def add_replicates(name: str, count: int) -> str:
    """Ask each query of a finished benchmark run `count` times more, and return its key."""
    settings = load_settings()
    key = latest_benchmark_run(settings) if name == LATEST else name
    if key != benchmark_run_of(key):
        raise UsageError(
            f"{key} is a single arm; replicates are added to all arms of a benchmark run: "
            f"docmind bench --replicates +{count} {benchmark_run_of(key)}"
        )
    if not is_benchmark_run(key) and (key in bundled_suite_names() or Path(key).exists()):
        raise UsageError(f"{key} is a suite; give one of its finished runs, or latest. List them: docmind runs")
    suite = read_frozen_suite(settings, key)
    with lock_home(settings, f"docmind bench --replicates +{count} {key}"):
        refuse_lost_journal(settings, key)
        with Journal(journal_path(settings, key)) as journal:
            suite = with_additions(suite, journal, count)
            refuse_addition(settings, journal, key, suite)
        _refuse_silent_engine(suite, settings)
        if key in pinned_runs(settings):
            _say(
                f"{key} is a pinned baseline: it will have {suite.replicates} replicates, and only runs with the same "
                "number can be compared with it"
            )
        _run(settings, key, named_source(settings, key) or suite.name, more=count)
    return key


def refuse_missed_limits(benchmark_run: str, fail_on: str | None) -> None:
    """End with an error where `fail_on` asks for it and a limit of the run is missed.

    Raises:
        RunError: Each missed limit with its value, for exit code 1.
    """
    if fail_on is None:
        return
    _, rows = query_rows(
        load_settings(),
        "select runs.arm, limit_name, agent, value, bound from limit_results join runs using (run_id) "
        "where benchmark_run = $run and state = 'missed' order by runs.arm, limit_name, agent",
        {"run": benchmark_run},
    )
    if rows:
        missed = "; ".join(
            f"{arm} {name} {value:g} (limit {bound:g}{'' if agent == 'all' else f', agent {agent}'})"
            for arm, name, agent, value, bound in rows
        )
        raise RunError(f"limits missed in {benchmark_run}: {missed}.")


def _refuse_silent_engine(suite: Suite, settings: Settings) -> None:
    """Ask a remote engine for its model: building an index may take minutes, and comes first in a run.

    Raises:
        EngineError: If it does not answer, refuses the key, or serves another model.
    """
    if suite.engine_is_remote:
        refuse_unfit_engine(suite, settings)


def refuse_unfit_engine(suite: Suite, settings: Settings) -> None:
    """Refuse, before a run is begun, an engine that does not answer or ignores what the suite's arms need."""
    connection = prepare_engine(engine_request(suite), settings, _say)
    if connection is not None:
        admit_engine(suite, connection)


def _say(text: str) -> None:
    say(text, err=True)


def _newest_unfinished(settings: Settings, name_or_path: str) -> str:
    name = read_suite(name_or_path).name
    states = [state for state in list_benchmark_runs(settings) if state.suite == name and state.unreadable is None]
    unfinished = [state for state in states if not state.finished]
    if unfinished:
        state = unfinished[-1]
        newer = len(states) - 1 - states.index(state)
        passed = f"; newer finished runs of {name}: {newer}" if newer else ""
        _say(
            f"resuming {state.benchmark_run}: {state.queries_done} of {state.queries_total or '?'} queries done{passed}"
        )
        return state.benchmark_run
    # An older run without a report is one whose report a gate stopped: it would be stopped again and again.
    if states and not (settings.reports / states[-1].benchmark_run / "index.html").exists():
        _say(f"resuming {states[-1].benchmark_run}: all queries are done, only the report is missing")
        return states[-1].benchmark_run
    raise UsageError(f"no unfinished benchmark run of {name}. Start one: docmind bench {name_or_path}")


def _run(settings: Settings, benchmark_run: str, suite: str, *, more: int = 0) -> None:
    say(f"benchmark run {benchmark_run}", err=True)
    try:
        with progress_display() as observer:
            launch_benchmark(settings, benchmark_run, observer, add_replicates=more)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        say(f"interrupted; resume with: docmind bench {suite} --resume {benchmark_run}", err=True)
        say("queries in progress would lack tokens and times: add --redo-interrupted to rerun them", err=True)
        raise KeyboardInterrupt(benchmark_run) from None
    say(read_summary(settings, benchmark_run, width=terminal_width()))
    if alerts := open_alerts_line(settings):
        say(alerts)
    say(f"Database: {settings.metrics_database}")
    if failure := nothing_answered(settings, benchmark_run):
        raise RunError(failure)
