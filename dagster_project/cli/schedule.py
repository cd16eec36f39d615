"""`docmind schedule`: which suites run by themselves, and when."""

from typing import TYPE_CHECKING

import click

from dagster_project.cli.terminal_text import json_option, print_rows, say

if TYPE_CHECKING:
    from docmind_core.settings import Settings


@click.group()
def schedule() -> None:
    """Run suites at the times of their `schedule:`.

    Schedules run while `docmind ui` or the installed service is running.

    \b
    Examples:
      docmind schedule add my-suite.yaml
      docmind schedule list
      docmind schedule remove my-suite
    """


@schedule.command()
@click.argument("file", type=click.Path(path_type=str))
def add(file: str) -> None:
    """Schedule the suite in FILE, which must have a `schedule:`.

    The home keeps a link to FILE: later changes apply from the next run on.

    \b
    Example:
      docmind schedule add my-suite.yaml
    """
    from pathlib import Path

    from dagster_project.scheduling import add_schedule, list_schedules
    from docmind_core.runs.input_check import check_input
    from docmind_core.settings import load_settings

    settings = load_settings()
    path = Path(file)
    if path.is_file():
        check_input(file)  # better now than at night
    suite = add_schedule(settings, path)
    (listed,) = [entry for entry in list_schedules(settings) if entry.name == suite.name]
    due = f"next run {listed.next_at:%Y-%m-%d %H:%M %Z}" if listed.next_at else "stopped in the web UI"
    say(f"scheduled {suite.name}: {suite.schedule} ({suite.timezone}), {due}")
    _say_what_runs_them(settings)


@schedule.command(name="list")
@json_option
def list_suites(as_json: bool) -> None:
    """List the suites that have a schedule.

    \b
    Examples:
      docmind schedule list
      docmind schedule list --json
    """
    from dagster_project.scheduling import list_schedules
    from docmind_core.settings import load_settings

    settings = load_settings()
    rows = [
        (
            suite.name,
            suite.schedule,
            suite.timezone,
            "unreadable" if suite.problem else "running" if suite.is_running else "stopped",
            f"{suite.next_at:%Y-%m-%d %H:%M %Z}" if suite.next_at else None,
            suite.problem or str(suite.source or "bundled"),
        )
        for suite in list_schedules(settings)
    ]
    print_rows(["suite", "schedule", "timezone", "state", "next", "file"], rows, as_json=as_json)
    if not as_json:
        _say_what_runs_them(settings)


@schedule.command(short_help="Stop running a suite on its schedule.")
@click.argument("suite")
def remove(suite: str) -> None:
    """Stop running SUITE on its schedule. SUITE is its name or its file; the file is kept.

    \b
    Example:
      docmind schedule remove my-suite
    """
    from dagster_project.scheduling import remove_schedule
    from docmind_core.settings import load_settings

    settings = load_settings()
    say(f"{suite} is no longer scheduled; {remove_schedule(settings, suite)} is kept")
    _say_what_runs_them(settings)


def _say_what_runs_them(settings: "Settings") -> None:
    """Say whether something is running that obeys the schedules, and let it read them again."""
    from dagster_project.web_lock import reload_running_ui

    address = reload_running_ui(settings)
    if address is None:
        say("Schedules are not active. Start the web UI and daemon: docmind ui", err=True)
    else:
        say(f"Run by the daemon of {address}", err=True)
