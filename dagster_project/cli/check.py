"""`docmind check`: validate a query set or a suite without running it."""

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

    PATH is the folder of a query set (documents.jsonl and queries.jsonl, or packed as .jsonl.gz), the file
    of a suite, or the name of a bundled suite. Every problem is a line `file:line: field: problem`, up to 50, and
    the rest is counted. Exit code 0: no problem. 1: problems. 2: there is nothing at PATH.

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
    found = check_input(path, check_schedule=_refuse_impossible_schedule)
    say(one_line(found.summary))
    for notice in found.notices:
        say(f"note: {one_line(notice)}")


def _print_lines(path: str) -> None:
    """Print each problem, or what was found to be in order, as an object with its kind."""
    from docmind_core.errors import QuerySetError, SuiteError
    from docmind_core.runs.input_check import check_input

    try:
        found = check_input(path, check_schedule=_refuse_impossible_schedule)
    except (QuerySetError, SuiteError) as error:
        print_rows(["kind", "text"], [("problem", line) for line in str(error).splitlines()], as_json=True)
        click.get_current_context().exit(1)
    print_rows(
        ["kind", "text"], [("summary", found.summary), *(("note", text) for text in found.notices)], as_json=True
    )


def _refuse_impossible_schedule(suite: "Suite") -> None:
    from dagster_project.scheduling import check_schedule

    check_schedule(suite)
