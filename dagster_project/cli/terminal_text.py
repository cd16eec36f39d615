"""Lines of text for a terminal: whatever they quote (a suite, a reply, a file's name) can't steer it."""

from collections.abc import Sequence

import click

from docmind_core.reports.text_safety import visible_text


def say(text: str, *, err: bool = False) -> None:
    """Print `text`, its controls and direction marks spelled out."""
    click.echo(visible_text(text), err=err)


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
