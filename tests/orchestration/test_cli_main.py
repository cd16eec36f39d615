"""Exit codes and error lines of the command line."""

import subprocess
import sys

import click
import pytest

from dagster_project.cli.main import docmind, run
from docmind_core.errors import EngineUnreachable
from docmind_core.runs import disk_space


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.fixture
def failing(monkeypatch):
    def fail_with(error):
        def command():
            raise error

        monkeypatch.setitem(docmind.commands, "fail", click.Command("fail", callback=command))

    return fail_with


@pytest.mark.parametrize("path", [path for path, _ in commands(docmind)], ids=" ".join)
def test_each_command_explains_itself_with_examples(path, capsys):
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "\n  Example" in shown, "on a line of its own"
    assert f"docmind {' '.join(path)}" in shown


GROUPS = [(), *(path for path, command in commands(docmind) if isinstance(command, click.Group))]


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_a_list_of_commands_cuts_no_sentence_off(path, capsys):
    assert run([*path, "--help"]) == 0
    _, _, listed = capsys.readouterr().out.partition("\nCommands:\n")
    assert listed
    assert "..." not in listed


def test_an_error_is_one_line_and_exit_code_1(failing, capsys):
    failing(EngineUnreachable("nothing answers at http://127.0.0.1:9. Start the engine."))
    assert run(["fail"]) == 1
    assert capsys.readouterr().err == "docmind: nothing answers at http://127.0.0.1:9. Start the engine.\n"


def test_what_a_library_says_on_a_full_disk_is_attributed_to_the_disk(failing, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(disk_space, "FULL_BYTES", 10**18)
    failing(OSError("disk I/O error"))
    assert run(["fail"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"docmind: the disk of {tmp_path / 'home'} is full (")
    assert "--resume" in shown
    assert len(shown.splitlines()) == 1


def test_a_bug_is_one_line_that_offers_the_traceback(failing, capsys):
    failing(ZeroDivisionError("division by zero"))
    assert run(["fail"]) == 1
    assert capsys.readouterr().err == (
        "docmind: internal error, ZeroDivisionError: division by zero. For the traceback, add --debug\n"
    )


@pytest.mark.parametrize("arguments", [["fail"], ["fail", "--debug"]])
def test_what_an_error_quotes_cant_steer_the_terminal(failing, capsys, arguments):
    failing(ValueError("bad value \x1b[2J\x9b"))
    assert run(arguments) == 1
    shown = capsys.readouterr().err
    assert r"bad value \x1b[2J\x9b" in shown
    assert shown.replace("\n", "").isprintable()


def test_debug_shows_the_traceback_wherever_it_is(failing, capsys):
    failing(ZeroDivisionError("division by zero"))
    assert run(["fail", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (RuntimeError("Query interrupted"), "interrupted"),  # of DuckDB
        (KeyboardInterrupt("the command said how to resume"), ""),
    ],
)
def test_an_interruption_has_the_shells_exit_code_and_at_most_one_line(failing, capsys, stop, said):
    failing(stop)
    assert run(["fail"]) == 130
    assert capsys.readouterr().err.strip() == said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "docmind: no such command 'nonsense'. See: docmind --help\n"),
        (["bnech"], "Did you mean 'bench'? See: docmind --help\n"),
        (["baseline", "pin"], "docmind baseline pin: missing argument 'RUN'. See: docmind baseline pin --help\n"),
        (["bench", "smoke", "--limit"], "option '--limit' requires an argument. See: docmind bench --help\n"),
        (["bench"], "docmind bench: missing argument 'SUITE|RUN'. See: docmind bench --help\n"),
        (
            ["bench", "nope"],
            "there is no suite 'nope'. Use a bundled one (ablation, conversations, nightly, retrieval, smoke)",
        ),
        (["bench", "smoke", "--limit", "0"], "--limit"),
        (["bench", "smoke", "--arms", "nope"], "unknown arm 'nope'"),
        (["bench", "smoke", "--arms", ","], "--arms"),
        (["bench", "smoke", "--engine", "nope"], "nope"),
        (["bench", "smoke", "--engine", "http://key@127.0.0.1:8000"], "api_key_env"),
        (["bench", "smoke", "--routing", "wild"], "'wild' is not one of"),
        (["bench", "smoke", "--resume"], "no unfinished benchmark run of smoke"),
        (["bench", "smoke", "--resume", "../../x"], "../../x"),
        (["bench", "smoke", "--resume", "--limit", "2"], "remove --limit"),
        (["report", "20261122T020000Z-smoke-7f3a", "extra"], "unexpected extra argument"),
        (["ui", "--port", "70000"], "--port"),
        (["engine", "start", "nope"], "there is no engine profile 'nope'"),
    ],
)
def test_what_cant_be_served_as_written_is_exit_code_2(settings, capsys, arguments, words):
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_broken_suite_names_each_problem(settings, tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ncolour: red\nlimit: 0\nquery_set: x\n")
    assert run(["bench", str(path)]) == 1
    shown = capsys.readouterr().err
    assert "colour: unknown key" in shown
    assert "limit:" in shown


def test_an_engine_that_does_not_answer_is_one_line(settings, unused_port, tmp_path, capsys):
    path = tmp_path / "mine.yaml"  # keyword search alone: this is tested without torch too
    path.write_text("name: mine\nquery_set: python-reference\narms: [single_pass]\n")
    assert run(["bench", str(path), "--engine", f"http://127.0.0.1:{unused_port}"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert f"http://127.0.0.1:{unused_port}" in shown[-1]
    assert shown[-1].startswith("docmind: ")
    assert not any("Traceback" in line for line in shown)
    assert not settings.benchmarks.exists(), "nothing was begun"


def test_a_port_in_use_is_named_with_the_next_one(settings, unused_port, capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", unused_port))
        taken.listen()
        assert run(["ui", "--port", str(unused_port)]) == 2
    assert f"port {unused_port} is in use. Use another one: --port {unused_port + 1}" in capsys.readouterr().err


def test_a_second_benchmark_on_the_same_home_says_who_runs(settings, capsys):
    holder = (
        "import sys; from docmind_core.runs.lock import lock_home; from docmind_core.settings import load_settings\n"
        "with lock_home(load_settings(), 'docmind bench nightly'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert run(["bench", "smoke"]) == 1
        process.stdin.close()
    assert f"in use by process {process.pid}, which runs docmind bench nightly" in capsys.readouterr().err
    assert not settings.benchmarks.exists(), "nothing half-written"
