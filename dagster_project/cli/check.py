"""`docmind check`: validate a query set or a suite without running it."""

from functools import partial
from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, say

if TYPE_CHECKING:
    from docmind_core.suites.suite import Suite


@click.command()
@click.argument("path", shell_complete=completion.suites)
@json_option
def check(path: str, as_json: bool) -> None:
    """Validate a query set or a suite without running it.

    PATH is a query set folder (documents.jsonl and queries.jsonl, plain or as .jsonl.gz), a suite file, or the name of
    a bundled suite. Prints one line per problem, `file:line: field: problem`, for the first 50 problems and counts the
    rest. Exit code 0: no problems. 1: problems. 2: PATH does not exist.

    \b
    Examples:
      docmind check ./my-set
      docmind check ./my-suite.yaml
      docmind check smoke --json
    """
    from docmind_core.reports.text_safety import one_line
    from docmind_core.runs.input_check import check_input

    if as_json:
        _print_lines(path)
        return
    inactive: list[str] = []
    found = check_input(path, check_schedule=partial(_check_schedule, path, inactive))
    say(one_line(found.summary))
    for notice in (*found.notices, *inactive):
        say(f"note: {one_line(notice)}")


def _print_lines(path: str) -> None:
    """Print each problem, or what was found to be in order, as an object with its kind."""
    from docmind_core.errors import QuerySetError, SuiteError
    from docmind_core.runs.input_check import check_input

    inactive: list[str] = []
    try:
        found = check_input(path, check_schedule=partial(_check_schedule, path, inactive))
    except (QuerySetError, SuiteError) as error:
        print_rows(["kind", "text"], [("problem", line) for line in str(error).splitlines()], as_json=True)
        click.get_current_context().exit(1)
    notes = [("note", text) for text in (*found.notices, *inactive)]
    print_rows(["kind", "text"], [("summary", found.summary), *notes], as_json=True)


def _check_schedule(path: str, inactive: list[str], suite: "Suite") -> None:
    """Refuse a schedule that never comes; put into `inactive` that nothing runs the suite by it yet."""
    from dagster_project.scheduling import check_schedule, inactive_schedule
    from docmind_core.settings import load_settings

    check_schedule(suite)
    inactive += filter(None, [inactive_schedule(load_settings(), path, suite)])
