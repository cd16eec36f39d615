"""Every command that prints, under a real pseudo-terminal: readable at any width, ids whole."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading

import pytest
import yaml

from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.listing import open_alerts
from docmind_core.settings import Settings
from docmind_core.suites.suite import load_suite
from tests.documents import PROJECT, write_query_set
from tests.fakes.engine_server import FakeEngine

KEY = "20261122T020000Z-toy-7f3a"
WIDTHS = (60, 80, 100, 120, 200)
BENCH = ["bench", "toy.yaml"]
COMMANDS = (
    ["runs"],
    ["arms"],
    ["suites"],
    ["report"],
    ["doctor"],
    ["check", "toy.yaml"],
    ["alerts", "list"],
    ["engine", "status"],
    ["prune", "--keep", "1", "--dry-run"],
    ["sql", "from token_efficiency where agent = 'all'"],
    ["sql", "from llm_calls"],
    ["sql", "from agent_performance"],
    ["sql", "select run_id, prompt_difference, completion_difference, state, because from ledger_balance"],
    ["sql", "select table_name, comment from duckdb_tables()"],
    ["--help"],
    ["bench", "--help"],
)
REFUSED = (
    ["bench", "smok"],
    ["bench", "smoke", "--arms", "tunedd"],
    ["check", "no-such-file-of-a-suite.yaml"],
    ["report", "20261122T020000Z-nothing-7f3a"],
    ["compare", "latest"],
)
KEY_OF_TOY = re.compile(r"\d{8}T\d{6}Z-toy-[0-9a-f]{4}")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
SESSION = """
import fcntl, json, struct, sys, termios
from dagster_project.cli.main import run
for width, arguments in json.load(sys.stdin):
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    print(f"\\n<<<{json.dumps([width, arguments])}", flush=True)
    code = run(arguments)
    sys.stdout.flush()
    print(f">>>{code}", flush=True)
"""


def in_terminal(settings, folder, steps):
    """What a terminal gets from each (width, arguments), as (exit code, lines)."""
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}},  # noqa: TID251
        "DOCMIND_HOME": str(settings.home),
        "PYTHONPATH": str(PROJECT),
        "TERM": "xterm",
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    received = bytearray()
    reader = threading.Thread(target=_read_all, args=(outside, received))
    reader.start()
    process.communicate(json.dumps(steps).encode())
    reader.join()
    os.close(outside)
    shown = {}
    # A display that is drawn again begins with clearing its line.
    text = ESCAPES.sub("", received.replace(b"\x1b[2K", b"\n").decode().replace("\r\n", "\n"))
    for part in text.split("\n<<<")[1:]:
        head, _, body = part.partition("\n")
        text, _, code = body.rpartition(">>>")
        width, arguments = json.loads(head)
        shown[width, tuple(arguments)] = int(code), text.splitlines()
    assert len(shown) == len(steps), received.decode()
    return shown


def _read_all(file, received):
    try:
        while part := os.read(file, 65536):
            received += part
    except OSError:
        return  # Linux says EIO when the last writer has gone


@pytest.fixture(scope="module")
def screens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terminal")
    settings = Settings(home=folder / "home")
    write_query_set(folder / "set")
    with FakeEngine() as engine:
        values = {"name": "toy", "query_set": "set", "arms": ["single_pass", "naive_supervisor", "tuned"]}
        (folder / "toy.yaml").write_text(yaml.safe_dump({**values, "engine": engine.url}))
        first = in_terminal(settings, folder, [(80, BENCH)])
        book_failure(settings, KEY, load_suite(str(folder / "toy.yaml")), "EngineStartError: " + "no memory left " * 9)
        alert = ["alerts", "show", str(open_alerts(settings)[0]["fingerprint"])]
        steps = [(width, command) for width in WIDTHS for command in (*COMMANDS, *REFUSED, alert)]
        return first | in_terminal(settings, folder, steps)


def test_every_command_ends_well(screens):
    failed = {command for (_, command), (code, _) in screens.items() if code}
    assert failed == {tuple(command) for command in REFUSED}


@pytest.mark.parametrize("command", REFUSED)
def test_only_the_first_line_of_an_error_begins_at_the_margin(screens, command):
    first, *others = screens[60, tuple(command)][1]
    assert first.startswith("docmind: ")
    assert others
    assert all(line.startswith("  ") for line in others)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_but_for_one_word_that_is_never_folded(screens, width):
    for (wide, command), (_, lines) in screens.items():
        if width == 60 and "--help" in command:
            continue  # examples are lines to copy, made for 80 columns
        too_wide = [line for line in lines if wide == width < len(line) and len(line.split()) > 2]
        # A label or a bullet may precede the word.
        assert [line for line in too_wide if max(map(len, line.split())) < width / 2] == [], command


@pytest.mark.parametrize("width", WIDTHS)
def test_no_cell_is_folded_into_a_column_of_letters(screens, width):
    for (wide, command), (_, lines) in screens.items():
        if wide == width:
            thin = [len(line.strip()) in {1, 2} for line in lines]
            assert not any(all(thin[place : place + 3]) for place in range(len(thin) - 2)), command


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", [("runs",), ("sql", "from llm_calls"), ("sql", COMMANDS[9][1])])
def test_ids_are_whole_at_every_width(screens, width, command):
    (key,) = {word for line in screens[80, ("runs",)][1] for word in line.split() if KEY_OF_TOY.fullmatch(word)}
    words = {word for line in screens[width, command][1] for word in line.split()}
    assert key in {word.rsplit(".", 1)[0] for word in words}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_query_of_the_readme_shows_every_value_at_every_width(screens, width):
    text = " ".join(screens[width, ("sql", "from token_efficiency where agent = 'all'")][1])
    assert "reduction_of_totals_pct" in text
    assert "claimable_because" in text


def test_columns_that_do_not_fit_are_named(screens):
    text = " ".join(screens[80, ("sql", "from llm_calls")][1])
    assert "Hidden at 80 columns: " in text or "── 1 of" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_summary_names_every_arm_with_its_tokens_at_every_width(screens, width):
    text = " ".join(screens[width, ("report",)][1])
    assert all(word in text for word in ("single_pass", "naive_supervisor", "tuned", "tokens/query", "Report:"))


def test_a_pipe_gets_every_column_and_no_fold():
    from docmind_core.reports.terminal_layout import table_lines

    header, _, row = table_lines([f"column_{n}" for n in range(40)], [["word " * 30, *range(39)]])
    assert header.split()[-1] == "column_39"
    assert row.split()[-1] == "38"
