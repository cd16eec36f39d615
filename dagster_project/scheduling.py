"""Adding, listing and removing the scheduled suites of a home."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._utils.schedules import schedule_execution_time_iterator

from dagster_project.instance import open_instance
from dagster_project.schedules import default_status, home_suites, schedule_name, suite_sources
from docmind_core.errors import DocMindError, SuiteError, UsageError
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite, bundled_suite_names, load_suite

BAD_CRON = "this cron expression never matches; its five fields are minute, hour, day, month, day of the week"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledSuite:
    """A suite with a schedule, or one in the home that can't be read."""

    name: str
    source: Path | None
    """The user's file; None for a bundled suite."""
    schedule: str | None = None
    timezone: str | None = None
    is_running: bool = False
    next_at: datetime | None = None
    """When it is due next; None while it is stopped."""
    problem: str | None = None


def check_schedule(suite: Suite) -> None:
    """Refuse a cron expression that never fits, as Dagster would have to run by it.

    Raises:
        SuiteError: If no time fits.
    """
    try:
        dg.ScheduleDefinition(
            name="checked", job_name="benchmark", cron_schedule=suite.schedule, execution_timezone=suite.timezone
        )
    except dg.DagsterError as error:
        raise SuiteError(BAD_CRON) from error


def add_schedule(settings: Settings, path: Path) -> Suite:
    """Schedule the suite of a file: from now on it runs at its times, as the file is then.

    Raises:
        UsageError: If the suite has no schedule, or another one has its name.
        SuiteError: If the file is not a valid suite.
    """
    if str(path) in bundled_suite_names():
        raise UsageError(f"{path} is a bundled suite: start its schedule in the web UI (docmind ui), under Automation.")
    suite, file = load_suite(str(path)), path.resolve()
    if suite.schedule is None:
        raise UsageError(f'{path}: the suite {suite.name} has no schedule. Add a line to it: schedule: "0 2 * * *"')
    check_schedule(suite)
    for other in list_schedules(settings):
        if other.name.replace("-", "_") == suite.name.replace("-", "_") and other.source != file:
            where = other.source or "a bundled suite"
            raise UsageError(
                f"a suite {other.name} is already scheduled ({where}). Rename one, or remove the scheduled one first."
            )
    link = settings.home / "suites" / f"{suite.name}.yaml"
    settings.make_home()
    link.parent.mkdir(exist_ok=True)
    if file not in {known.resolve() for known in home_suites(settings)}:
        link.symlink_to(file)
    return suite


def remove_schedule(settings: Settings, name_or_path: str) -> Path:
    """Take a suite out of the home by its name or its file, which stays where it is; return that file.

    Raises:
        UsageError: If no such suite is scheduled, or if its file is in the home itself.
    """
    for path in home_suites(settings):
        if name_or_path in {path.stem, _name(path)} or path.resolve() == Path(name_or_path).resolve():
            if not path.is_symlink():
                raise UsageError(
                    f"{path} was not added by `docmind schedule add`. Move it out of that folder manually."
                )
            file = path.resolve()
            path.unlink()
            return file
    known = ", ".join(filter(None, (suite.name for suite in list_schedules(settings) if suite.source))) or "none"
    raise UsageError(f"suite {name_or_path!r} is not scheduled in this home. Scheduled: {known}")


def list_schedules(settings: Settings) -> list[ScheduledSuite]:
    """Return every suite with a schedule, the bundled ones first, and what of the home can't be read."""
    states = _states(settings)
    return list(_listed(settings, states))


def inactive_schedule(settings: Settings, source: str, suite: Suite) -> str | None:
    """Say that nothing runs a suite by its schedule yet, and what to do; None where its schedule is active or absent.

    Args:
        settings: Say where the home is.
        source: The bundled name or the file that the suite is from.
        suite: That suite.
    """
    if suite.schedule is None:
        return None
    is_bundled = source in bundled_suite_names()
    file = None if is_bundled else Path(source).resolve()
    listed = [one for one in list_schedules(settings) if (one.name, one.source) == (suite.name, file)]
    if any(one.is_running for one in listed):
        return None
    how = "start it in the web UI (docmind ui), under Automation" if listed else f"docmind schedule add {source}"
    return f"the schedule of {suite.name} ({suite.schedule}) is not active. To activate it: {how}"


def _listed(settings: Settings, states: dict[str, bool]) -> Iterator[ScheduledSuite]:
    for source in suite_sources(settings):
        is_bundled = source in bundled_suite_names()
        file = None if is_bundled else Path(source).resolve()
        try:
            suite = load_suite(source if file is None else str(file))
        except DocMindError as error:
            yield ScheduledSuite(name=Path(source).stem, source=file, problem=str(error))
            continue
        if suite.schedule is None:
            continue
        runs = states.get(schedule_name(suite), default_status(source) is dg.DefaultScheduleStatus.RUNNING)
        yield ScheduledSuite(
            name=suite.name,
            source=file,
            schedule=suite.schedule,
            timezone=suite.timezone,
            is_running=runs,
            next_at=_next(suite) if runs else None,
        )


def _states(settings: Settings) -> dict[str, bool]:
    """Whether a schedule was started or stopped in the web UI, by its name."""
    if not settings.dagster_home.exists():
        return {}
    with open_instance(settings) as instance:
        return {
            state.instigator_name: state.status is InstigatorStatus.RUNNING
            for state in instance.all_instigator_state()
            if state.status is not InstigatorStatus.DECLARED_IN_CODE
        }


def _next(suite: Suite) -> datetime:
    now = datetime.now().astimezone()
    return next(iter(schedule_execution_time_iterator(now.timestamp(), str(suite.schedule), suite.timezone)))


def _name(path: Path) -> str | None:
    try:
        return load_suite(str(path.resolve())).name
    except DocMindError:
        return None
