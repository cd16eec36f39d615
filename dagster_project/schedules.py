"""Schedules made from suites that have a `schedule:`; those of the home run, the bundled one has to be started."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import dagster as dg

from dagster_project.instance import add_benchmark_run
from dagster_project.jobs import benchmark_job
from dagster_project.resources import StoreResource
from docmind_core.errors import DocMindError
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite, bundled_suite_names, load_suite, persistent_name

log = logging.getLogger(__name__)

SCHEDULE_PREFIX = "suite_"


def suite_schedules(settings: Settings) -> Sequence[dg.ScheduleDefinition]:
    """Return a schedule for each suite that has one: bundled suites, then `suites/*.yaml` of the home.

    A suite that can't be read is logged and left out: it must not take the other schedules with it.
    """
    schedules: dict[str, dg.ScheduleDefinition] = {}
    for source, suite in readable_suites(suite_sources(settings)):
        if suite.schedule is None:
            continue
        try:
            schedule = suite_schedule(source, suite, suite.schedule)
        except dg.DagsterError as error:
            log.error("suite %s is not scheduled: invalid schedule %r: %s", source, suite.schedule, error)  # noqa: TRY400
            continue
        if schedule.name in schedules:
            log.error(
                "suite %s is not scheduled: the schedule %s already exists; rename the suite", source, schedule.name
            )
            continue
        schedules[schedule.name] = schedule
    return list(schedules.values())


def suite_sources(settings: Settings) -> tuple[str, ...]:
    """Return what names each suite that can be scheduled: a bundled name, or the path of a file in the home."""
    return (*bundled_suite_names(), *map(str, home_suites(settings)))


def home_suites(settings: Settings) -> list[Path]:
    """Return the suite files of a home, sorted; `docmind schedule add` makes each a link to the user's own file."""
    return sorted((settings.home / "suites").glob("*.yaml"))


def default_status(source: str) -> dg.DefaultScheduleStatus:
    """Return whether a schedule runs until the web UI says otherwise: who put a suite into the home wants it to."""
    is_bundled = source in bundled_suite_names()
    return dg.DefaultScheduleStatus.STOPPED if is_bundled else dg.DefaultScheduleStatus.RUNNING


def schedule_name(suite: Suite) -> str:
    """Return what Dagster knows the schedule of a suite by."""
    return schedule_name_of(suite.name)


def schedule_name_of(suite_name: str) -> str:
    """Return the same for a suite of which only the name is known."""
    return f"{SCHEDULE_PREFIX}{suite_name.replace('-', '_')}"


def readable_suites(sources: Iterable[str]) -> Iterator[tuple[str, Suite]]:
    """Yield each suite that can be read, with its source; what can't be read is logged."""
    for source in sources:
        try:
            yield source, load_suite(persistent_name(source))
        except (DocMindError, OSError) as error:
            log.error("suite %s is not scheduled: %s", Path(source).name, error)  # noqa: TRY400 - one line, no traceback


def suite_schedule(source: str, suite: Suite, cron: str) -> dg.ScheduleDefinition:
    """Return the schedule that starts a new benchmark run of a suite at each tick."""
    where = "a bundled suite" if source in bundled_suite_names() else f"suites/{Path(source).name} in this home"

    @dg.schedule(
        name=schedule_name(suite),
        job=benchmark_job,
        cron_schedule=cron,
        execution_timezone=suite.timezone,
        default_status=default_status(source),
        description=f"Runs the suite {suite.name} ({where}).",
    )
    def tick(context: dg.ScheduleEvaluationContext, store: StoreResource) -> dg.RunRequest:
        benchmark_run = freeze_benchmark_run(
            load_suite(persistent_name(source)), store.settings(), named=persistent_name(source)
        )
        add_benchmark_run(context.instance, benchmark_run)
        return dg.RunRequest(run_key=benchmark_run, partition_key=benchmark_run)

    return tick
