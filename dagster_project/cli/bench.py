"""`docmind bench`: run a suite, or resume one that was interrupted."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import announce, say
from docmind_core.errors import RunError, UsageError

if TYPE_CHECKING:
    from docmind_core.settings import Settings


class _More(click.ParamType[int]):
    name = "+N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"\+([0-9]{1,4})", str(value))
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is not a number of replicates to add; write it like +5", param, ctx)
        return int(found[1])


class _Places(click.ParamType[int | str]):
    """A number of calls in flight, or `auto`."""

    name = "number or auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return "auto" if value == "auto" else click.IntRange(1, 1024).convert(cast("Any", value), param, ctx)


@click.command()
@click.argument("suite", metavar="SUITE|RUN", shell_complete=completion.suites)
@click.option(
    "--engine",
    metavar="URL|PROFILE",
    help="URL of a running vLLM server (replicas: URL,URL), or the engine profile to start.",
)
@click.option("--model", metavar="NAME", help="Model to request; by default the only one the engine serves.")
@click.option("--api-key-env", metavar="NAME", help="Name of the environment variable that holds the engine's API key.")
@click.option("--arms", metavar="A,B", help="Run these arms instead of the suite's.", shell_complete=completion.arms)
@click.option(
    "--aa",
    metavar="ARM",
    help="Run ARM twice, as ARM and ARM.again, in at least 6 blocks, to measure random variation.",
    shell_complete=completion.arms,
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Run the first N queries of the seeded order.")
@click.option(
    "--concurrency",
    type=_Places(),
    metavar="N|auto",
    help="Queries in flight at once; auto: as many as vLLM can process.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Number of worker processes; useful from 100 calls in flight.",
)
@click.option(
    "--routing",
    type=click.Choice(["fixed", "dependencies", "free"]),
    help="Which agents the supervisor of naive_supervisor may choose next.",
)
@click.option(
    "--strategy",
    type=click.Choice(["keyword_search", "semantic_search", "hybrid_search"]),
    help="Search strategy of every arm; keyword_search needs no embeddings.",
)
@click.option("--replicates", type=_More(), metavar="+N", help="Ask each query of the finished RUN N more times.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",  # the newest unfinished one
    metavar="[KEY]",
    help="Resume a benchmark run of SUITE: the newest unfinished one, or KEY.",
    shell_complete=completion.benchmark_runs,
)
@click.option(
    "--resume-anyway",
    is_flag=True,
    help="Resume even if something changed; the run is then marked not comparable.",
)
@click.option(
    "--redo-interrupted",
    is_flag=True,
    help="With --resume: rerun interrupted queries from the beginning, so that their tokens and times are measured.",
)
@click.option("--fail-on", type=click.Choice(["missed"]), help="missed: exit with code 1 if a limit is missed, for CI.")
def bench(suite: str, replicates: int | None, resume: str | None, fail_on: str | None, **given: object) -> None:
    """Run a suite and write its report.

    SUITE is a bundled name or the path of a YAML file. Launches the same Dagster job as the UI and the schedules, so
    the run shows up there too. Finished model calls are always kept: after an interruption, --resume continues after
    the last one, and --redo-interrupted reruns the queries that were in progress.

    With --replicates, RUN is a finished benchmark run, or `latest`. Each of its arms asks each query N more times under
    the same conditions; scores, comparisons and report then cover all replicates.

    \b
    Examples:
      docmind bench smoke
      docmind bench smoke --limit 2 --arms single_pass
      docmind bench smoke --engine http://127.0.0.1:8000 --model my-model
      docmind bench smoke --engine https://gpu-server:8000 --api-key-env MY_KEY
      docmind bench ./my-suite.yaml
      docmind bench smoke --limit 24 --aa tuned
      docmind bench smoke --resume
      docmind bench smoke --resume --redo-interrupted
      docmind bench ./my-suite.yaml --fail-on missed
      docmind bench --replicates +5 latest
    """
    how = {name: bool(given.pop(name)) for name in ("resume_anyway", "redo_interrupted")}
    changes = {name: value for name, value in given.items() if value is not None}
    if replicates is not None:
        if changes or resume is not None or any(how.values()):
            raise click.UsageError("--replicates uses the run's own settings; remove all other options.")
        refuse_missed_limits(_add_replicates(suite, replicates), fail_on)
        return
    if resume is None and (alone := [name for name, is_given in how.items() if is_given]):
        raise click.UsageError(f"--{alone[0].replace('_', '-')} requires --resume.")
    if "aa" in changes and "arms" in changes:
        raise click.UsageError("use --aa or --arms, not both.")
    key = _start(suite, changes) if resume is None else _resume(suite, resume, changes, **how)
    refuse_missed_limits(key, fail_on)


# Dagster alone takes two seconds to import: each function below imports what it needs, and --help nothing.


def _start(name_or_path: str, changes: Mapping[str, object]) -> str:
    """Freeze the suite with `changes` under a new key, run it, and return the key."""
    from dagster_project.scheduling import inactive_schedule
    from dagster_project.suite_changes import changed_suite
    from docmind_core.runs.frozen_suite import freeze_benchmark_run
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.suite_arms import refuse_unfit_engine
    from docmind_core.settings import load_settings
    from docmind_core.suites.suite import persistent_name

    settings = load_settings()
    source = read_suite(name_or_path)
    suite = changed_suite(source, changes)
    if notice := inactive_schedule(settings, name_or_path, source):
        announce(f"note: {notice}")
    with lock_home(settings, f"docmind bench {name_or_path}"):
        benchmark_run = freeze_benchmark_run(
            suite,
            settings,
            source=source,
            named=persistent_name(name_or_path),
            prepare=lambda: refuse_unfit_engine(suite, settings, announce),
        )
        _run(settings, benchmark_run, name_or_path)
    return benchmark_run


def _resume(
    name_or_path: str, key: str, changes: Mapping[str, object], *, resume_anyway: bool, redo_interrupted: bool
) -> str:
    """Resume a benchmark run under its frozen suite, the newest unfinished one for an empty key, and return its key."""
    from dagster_project.suite_changes import option_of
    from docmind_core.runs.changed_suite import ask_interrupted_again, resume_benchmark_run
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.lock import lock_home
    from docmind_core.settings import load_settings

    if changes:
        options = ", ".join(option_of(name) for name in changes)
        raise UsageError(f"--resume uses the frozen suite; remove {options}.")
    settings = load_settings()
    with lock_home(settings, f"docmind bench {name_or_path} --resume"):
        benchmark_run = key or _newest_unfinished(settings, name_or_path)
        _refuse_silent_engine(settings, benchmark_run)
        if notice := resume_benchmark_run(settings, benchmark_run, read_suite(name_or_path), anyway=resume_anyway):
            announce(notice)
        if redo_interrupted:
            announce(ask_interrupted_again(settings, benchmark_run))
        _run(settings, benchmark_run, name_or_path)
    return benchmark_run


def _newest_unfinished(settings: "Settings", name_or_path: str) -> str:
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.run_states import newest_unfinished

    suite = read_suite(name_or_path).name
    found = newest_unfinished(settings, suite)
    if found is None:
        raise UsageError(f"no unfinished benchmark run of {suite}. Start one: docmind bench {name_or_path}")
    benchmark_run, how_far = found
    announce(f"resuming {benchmark_run}: {how_far}")
    return benchmark_run


def _add_replicates(name: str, count: int) -> str:
    """Ask each query of a finished benchmark run `count` times more, and return its key."""
    from docmind_core.runs.adding_replicates import refuse_addition, with_additions
    from docmind_core.runs.changed_suite import refuse_lost_journal
    from docmind_core.runs.frozen_suite import journal_path, named_source, read_frozen_suite
    from docmind_core.runs.journal import Journal
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.pruning import pinned_runs
    from docmind_core.settings import load_settings

    settings = load_settings()
    key = _finished_run(settings, name, count)
    suite = read_frozen_suite(settings, key)
    with lock_home(settings, f"docmind bench --replicates +{count} {key}"):
        refuse_lost_journal(settings, key)
        with Journal(journal_path(settings, key)) as journal:
            suite = with_additions(suite, journal, count)
            refuse_addition(settings, journal, key, suite)
        _refuse_silent_engine(settings, key)
        if key in pinned_runs(settings):
            announce(
                f"{key} is a pinned baseline: it will have {suite.replicates} replicates, and only runs with the same "
                "number can be compared with it"
            )
        _run(settings, key, named_source(settings, key) or suite.name, more=count)
    return key


def _finished_run(settings: "Settings", name: str, count: int) -> str:
    """Return the key of the benchmark run that `name` means; refuse an arm and a suite."""
    from docmind_core.runs.keys import benchmark_run_of, is_benchmark_run
    from docmind_core.runs.run_names import LATEST, latest_benchmark_run
    from docmind_core.suites.suite import bundled_suite_names

    key = latest_benchmark_run(settings) if name == LATEST else name
    if key != benchmark_run_of(key):
        raise UsageError(
            f"{key} is a single arm; replicates are added to all arms of a benchmark run: "
            f"docmind bench --replicates +{count} {benchmark_run_of(key)}"
        )
    if not is_benchmark_run(key) and (key in bundled_suite_names() or Path(key).exists()):
        raise UsageError(f"{key} is a suite; give one of its finished runs, or latest. List them: docmind runs")
    return key


def _refuse_silent_engine(settings: "Settings", benchmark_run: str) -> None:
    """Ask a remote engine for its model: building an index may take minutes, and comes first in a run."""
    from docmind_core.runs.frozen_suite import read_frozen_suite
    from docmind_core.runs.suite_arms import refuse_unfit_engine

    suite = read_frozen_suite(settings, benchmark_run)
    if suite.engine_is_remote:
        refuse_unfit_engine(suite, settings, announce)


def _run(settings: "Settings", benchmark_run: str, suite: str, *, more: int = 0) -> None:
    from dagster_project.cli.progress_display import launch_visibly
    from docmind_core.alerts.listing import open_alerts_line
    from docmind_core.reports.benchmark import read_summary
    from docmind_core.reports.terminal_layout import terminal_width
    from docmind_core.runs.health import nothing_answered

    announce(f"benchmark run {benchmark_run}")
    how_to_resume = f"docmind bench {suite} --resume {benchmark_run}"
    launch_visibly(settings, benchmark_run, how_to_resume, add_replicates=more)
    say(read_summary(settings, benchmark_run, width=terminal_width()))
    if alerts := open_alerts_line(settings):
        say(alerts)
    say(f"Database: {settings.metrics_database}")
    if failure := nothing_answered(settings, benchmark_run):
        raise RunError(failure)


def refuse_missed_limits(benchmark_run: str, fail_on: str | None) -> None:
    """End with an error where `fail_on` asks for it and a limit of the run is missed.

    Raises:
        RunError: Each missed limit with its value, for exit code 1.
    """
    from docmind_core.settings import load_settings
    from docmind_core.tables.gates import missed_limits

    if fail_on is None:
        return
    if found := missed_limits(load_settings(), benchmark_run):
        missed = "; ".join(
            f"{one.arm} {one.limit_name} {one.value:g} (limit {one.bound:g}"
            f"{'' if one.agent == 'all' else f', agent {one.agent}'})"
            for one in found
        )
        raise RunError(f"limits missed in {benchmark_run}: {missed}.")
