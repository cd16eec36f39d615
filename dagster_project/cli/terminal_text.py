"""Lines of text for a terminal: whatever they quote (a suite, a reply, a file's name) can't steer it."""

import codecs
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

import click

from docmind_core.reports.text_safety import visible_text

_PLAIN = {**dict.fromkeys("─━–—−", "-"), "│": "|", "…": "...", "×": "x", "→": "->", "±": "+/-", "•": "*"}
"""How a terminal that has only letters of ASCII shows what tables and sentences are made of."""


_COLOURS = {
    "red": ("missed", "unbalanced", "block", "!!"),
    "green": ("met", "balanced", "pass", "ok"),
    "yellow": ("undecided", "not measured", "unreconciled", "inconclusive", "unknown"),
}
_STATES = {state: colour for colour, states in _COLOURS.items() for state in states}
_STATE = re.compile(rf"(?<![\w])({'|'.join(map(re.escape, _STATES))})(?![\w])")
_VERDICT = re.compile(r"(Limits of |Ledger: |gate: |ok  |!!  )")
"""How a line begins that says a state; its states have a colour on a terminal. Each is a word as well."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
"""Of each command that prints data; it hands its rows to `print_rows`."""


def print_rows(names: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    """Print `rows` under `names` on stdout: a table for a person, a list of objects for a program."""
    if as_json:
        from dagster_project.cli.result_formats import write_json

        write_json(names, rows)
    else:
        print_table(names, rows)


def prepare_streams() -> None:
    """Make the standard streams fit to be written, however this process was started.

    A closed one is opened on nothing: the next file opened would take its place and be written into. A character that
    the terminal's encoding lacks is written in others.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    codecs.register_error("docmind", _in_other_characters)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        getattr(sys, name).reconfigure(errors="docmind")


def _in_other_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character) or ascii(character)[1:-1] for character in lacking), error.end


def failed_to_print(error: BaseException) -> bool:
    """Whether an error came from printing, and not from one of our files."""
    modules = {frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)}
    return isinstance(error, OSError) and not modules.isdisjoint(("click.utils", "rich.console"))


def flush_stdout() -> OSError | None:
    """Write what is left for stdout; return why it can't be written, if it can't."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def write_nothing_more() -> None:
    """Lead stdout to nothing: the interpreter would complain about what it can't write at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def say(text: str, *, err: bool = False) -> None:
    """Print `text`, its controls and direction marks spelled out; a terminal gets it wrapped between words.

    What continues an error or a notice on the next line is indented, so that each begins at the margin.
    """
    from docmind_core.reports.terminal_layout import indented_lines, terminal_width

    width = terminal_width(sys.stderr if err else sys.stdout)
    for line in visible_text(text).split("\n"):
        is_verdict = _VERDICT.match(line) and _has_colours(sys.stderr if err else sys.stdout)
        for part in indented_lines(line, width, indent=2 * err):
            _print(_coloured(part) if is_verdict else part, err=err)


def announce(text: str) -> None:
    """Print on stderr what happens next, as `say` prints it."""
    say(text, err=True)


def _has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colours, and `NO_COLOR` (https://no-color.org) is not set."""
    from rich.console import Console

    console = Console(file=stream)
    return console.color_system is not None and not console.no_color


def _coloured(line: str) -> str:
    return _STATE.sub(lambda state: click.style(state[0], fg=_STATES[state[0]]), line)


def say_wrapped(label: str, text: str) -> None:
    """Print `text` after its label on stdout, wrapped between words at the width of the terminal."""
    from docmind_core.reports.terminal_layout import labelled_lines, terminal_width

    first, *rest = labelled_lines(label, text, terminal_width())
    if _VERDICT.match(first) and _has_colours(sys.stdout):
        first = _coloured(first[:2]) + first[2:]
    for line in (first, *rest):
        _print(line)


def print_table(names: Sequence[str], rows: Sequence[Sequence[object]], *, keep: Sequence[str] = ()) -> None:
    """Print `rows` under `names` on stdout, laid out for the terminal; NULL shows as an empty cell.

    Args:
        names: Of the columns.
        rows: Values.
        keep: Columns to show first where not all of them fit.
    """
    from docmind_core.reports.terminal_layout import table_lines, terminal_width

    for line in table_lines(names, rows, terminal_width(), keep):
        _print(line)


def _print(line: str, *, err: bool = False) -> None:
    # Without `file`, click writes UTF-8 to a terminal that has only ASCII.
    click.echo(line, file=sys.stderr if err else sys.stdout)
