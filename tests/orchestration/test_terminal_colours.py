"""Colours on a terminal: for states alone, never with `NO_COLOR`, and none in a file."""

import os
import pty
import subprocess
import sys

import pytest

from tests.architecture.source_rules import PROJECT

SAID = "Limits of tuned: 1 met, 2 missed, 1 not measured"
CODE = f"from dagster_project.cli.terminal_text import say; say('{SAID}'); say('2 missed calls were met')"


def shown(**environment):
    outside, inside = pty.openpty()
    known = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT), "TERM": "xterm-256color", **environment}
    subprocess.run([sys.executable, "-c", CODE], stdout=inside, env=known, check=True)
    os.close(inside)
    text = os.read(outside, 65536).decode()
    os.close(outside)
    return text.split("\r\n")


def test_a_terminal_shows_states_in_colour_and_prose_in_none():
    verdict, prose, *_ = shown()
    assert "\x1b[31mmissed\x1b[0m" in verdict
    assert "\x1b[32mmet\x1b[0m" in verdict
    assert "\x1b[33mnot measured\x1b[0m" in verdict
    assert prose == "2 missed calls were met"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_and_a_plain_terminal_get_no_colours(environment):
    assert shown(**environment)[0] == SAID
