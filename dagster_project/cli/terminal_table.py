"""Rows as a table of text; cell contents can't steer the terminal."""

import sys
from collections.abc import Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from docmind_core.reports.text_safety import one_line

# Wide enough that nothing is cut off when a file or a program reads along.
PIPE_WIDTH = 10_000


def print_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print `rows` under `names` on stdout; NULL shows as an empty cell, numbers stand right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(names):
        numeric = any(_is_number(row[position]) for row in rows)
        table.add_column(Text(one_line(name)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        if line.strip():  # rich frames a table with blank lines
            click.echo(line.rstrip().removeprefix(" "))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
