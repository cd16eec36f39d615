"""Lines of text for a terminal: whatever they quote (a suite, a reply, a file's name) can't steer it."""

import sys
from collections.abc import Sequence

import click

from docmind_core.reports.text_safety import visible_text


def say(text: str, *, err: bool = False) -> None:
    """Print `text`, its controls and direction marks spelled out; on a terminal, stdout is wrapped between words."""
    if err or not sys.stdout.isatty():
        click.echo(visible_text(text), err=err)
        return
    from docmind_core.reports.terminal_layout import terminal_width, wrapped_lines

    width = terminal_width() or 0
    for line in visible_text(text).split("\n"):
        for part in [line] if len(line) <= width else wrapped_lines(line, width):
            click.echo(part)


def say_wrapped(label: str, text: str) -> None:
    """Print `text` after its label on stdout, wrapped between words at the width of the terminal."""
    from docmind_core.reports.terminal_layout import labelled_lines, terminal_width

    for line in labelled_lines(label, text, terminal_width()):
        click.echo(line)


def print_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print `rows` under `names` on stdout, laid out for the terminal; NULL shows as an empty cell."""
    from docmind_core.reports.terminal_layout import table_lines, terminal_width

    for line in table_lines(names, rows, terminal_width()):
        click.echo(line)
