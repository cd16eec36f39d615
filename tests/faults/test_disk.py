"""File systems that are full or read-only; only root can make them."""

import os
import subprocess
from contextlib import contextmanager, suppress

import pytest

from dagster_project.cli.main import run
from docmind_core.errors import DocMindError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import load_suite
from tests.fakes.engine_server import plain_reply
from tests.faults.consistency import assert_consistent, select


@contextmanager
def mounted(folder, *arguments):
    folder.mkdir(exist_ok=True)
    mount = ["mount", *arguments, str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB: a database is published beside the one before it, 1.3 MiB each."""
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=16m", "tmpfs") as folder:
        yield folder


def fill(path):
    """Write until there is no room for a byte."""
    with path.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


@pytest.mark.parametrize("full_at_call", [1, 3, 5])
def test_a_disk_that_fills_up_during_a_call_ends_the_run_and_with_room_every_query_is_answered(
    small_disk, make_suite, engine, full_at_call
):
    settings, ballast = Settings(home=small_disk / "home"), small_disk / "ballast"
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], concurrency=1), settings)

    def reply(body):
        if len(engine.requests) == full_at_call:
            fill(ballast)
        return plain_reply(body)

    engine.reply = reply
    with pytest.raises(DocMindError, match=r"disk|space"):
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    asked_before = len(engine.requests)
    ballast.unlink()
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())

    assert asked_before == full_at_call
    assert_consistent(settings, arms=1, queries=6)
    assert select(settings, "select distinct status from query_runs") == [("answered",)]
    # The call whose end could not be written down is made again, and no other.
    assert len(engine.requests) == 7


def test_a_home_that_has_become_read_only_is_one_line_and_can_still_be_read(home, write_suite, monkeypatch, capfd):
    key = key_of_a_finished_run(home, write_suite)
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    with mounted(home.home, "--bind", str(home.home)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(home.home)], check=True)
        assert run(["bench", write_suite()]) == 1
        shown = capfd.readouterr().err
        assert run(["sql", "--csv", "select distinct run_id from query_runs"]) == 0

    assert shown == (
        f"docmind: {home.home}: can't be written to (Read-only file system). "
        "Set DOCMIND_HOME to a folder you can write to.\n"
    )
    assert capfd.readouterr().out.splitlines()[1:] == [f"{key}.single_pass"]


def test_a_disk_without_inodes_is_one_line_wherever_the_run_is_then(tmp_path, write_suite, monkeypatch, capfd):
    with mounted(tmp_path / "few", "-t", "tmpfs", "-o", "size=64m,nr_inodes=400", "tmpfs") as folder:
        monkeypatch.setenv("DOCMIND_HOME", str(folder / "home"))
        suite = write_suite(arms=["single_pass"], limit=1)
        assert run(["bench", suite]) == 0
        capfd.readouterr()
        (folder / "many").mkdir()
        with suppress(OSError):
            for number in range(400):
                (folder / "many" / str(number)).touch()
        assert run(["bench", suite]) == 1
        shown = capfd.readouterr().err
    assert "Traceback" not in shown
    assert "sqlite3" not in shown
    said = shown.splitlines()[-1]
    assert said.startswith("docmind: ")
    assert "no inodes left" in said or "No space left" in said


@pytest.mark.parametrize("full_at_call", [2, 6])
def test_a_disk_that_fills_up_under_dagster_too_ends_the_command_in_one_line(
    small_disk, write_suite, engine, monkeypatch, capfd, full_at_call
):
    monkeypatch.setenv("DOCMIND_HOME", str(small_disk / "home"))

    def reply(body):
        if len(engine.requests) == full_at_call:
            fill(small_disk / "ballast")
        return plain_reply(body)

    engine.reply = reply
    assert run(["bench", write_suite(arms=["single_pass"], concurrency=1)]) == 1
    shown = capfd.readouterr().err.splitlines()
    assert [
        line for line in shown if "sqlite" in line or "SQL" in line or "Traceback" in line or "dagster" in line
    ] == []
    assert shown[-1].startswith("docmind: ")
    assert "disk" in shown[-1]


def key_of_a_finished_run(home, write_suite):
    key = freeze_benchmark_run(load_suite(write_suite(arms=["single_pass"])), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    return key
