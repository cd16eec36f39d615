"""Lines of text for a terminal: whatever they quote (a suite, a reply, a file's name) can't steer it."""

import click

from docmind_core.reports.text_safety import visible_text


def say(text: str, *, err: bool = False) -> None:
    """Print `text`, its controls and direction marks spelled out."""
    click.echo(visible_text(text), err=err)
