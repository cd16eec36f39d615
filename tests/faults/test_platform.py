"""Faults of the platform itself: signals, a home that can't be written to, a full disk."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagster_project.cli.main import run
from docmind_core.errors import DocMindError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, list_benchmark_runs
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings, child_environment
from tests.documents import PROJECT
from tests.faults.consistency import assert_consistent, select

EXIT_INTERRUPTED = 130


@pytest.fixture
def bench_home(home, dagster_home, monkeypatch):
    """An empty home but for Dagster's databases, which the environment names too."""
    shutil.copytree(dagster_home, home.dagster_home)
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    return home


@contextmanager
def bench(settings, *arguments):
    """A `docmind bench` of its own process."""
    command = [sys.executable, "-m", "dagster_project.cli", "bench", *arguments]
    environment = child_environment(DOCMIND_HOME=str(settings.home))
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def bench_until_sigterm(home, suite, engine, capfd):
    """Run it in a process of its own, which has the home to itself; return exit code and standard error."""
    with bench(home, suite) as process:
        while engine.begun < 3 and process.poll() is None:
            engine.wait_for_call(3)
        assert run(["bench", suite]) == 1
        assert f"in use by process {process.pid}, which runs docmind bench {suite}" in capfd.readouterr().err
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=120)
    return process.returncode, shown


def bench_until_control_c(home, suite, engine, capfd):
    """Run it in this process; return exit code and standard error."""

    def interrupt():
        engine.wait_for_call(3)
        if engine.begun == 3:
            os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    code = run(["bench", suite])
    helper.join()
    return code, capfd.readouterr().err


@pytest.mark.parametrize("bench_until_interrupted", [bench_until_sigterm, bench_until_control_c])
def test_an_interrupted_benchmark_says_how_to_go_on_and_can(
    bench_home, write_suite, engine, capfd, bench_until_interrupted
):
    home = bench_home
    engine.faults.extend([None, None, "hang"])
    suite = write_suite(arms=["single_pass"], concurrency=1)
    code, shown = bench_until_interrupted(home, suite, engine, capfd)

    (state,) = list_benchmark_runs(home)
    assert code == EXIT_INTERRUPTED, shown
    told = [line for line in shown.splitlines() if line][-1]  # click ends an interruption with a blank line
    assert told == f"interrupted; go on with: docmind bench {suite} --resume {state.benchmark_run}"
    assert "Traceback" not in shown
    assert (state.finished, state.queries_done) == (False, 2)

    execute_benchmark_run(home, state.benchmark_run, dagster_run_id=None, observer=SilentObserver())
    assert_consistent(home, arms=1, queries=6)
    assert select(home, "select distinct status from query_runs") == [("answered",)]
    finished = select(home, "select count(*) from llm_calls where status = 'finished'")
    assert finished == [(engine.counters["request_success"],)]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which nobody can write to, root neither")
def test_a_home_that_cannot_be_written_to_is_one_line(write_suite, monkeypatch, capfd):
    monkeypatch.setenv("DOCMIND_HOME", "/proc/docmind")

    assert run(["bench", write_suite()]) == 1
    shown = capfd.readouterr().err
    assert shown.startswith("docmind: /proc/docmind: can't be written to")
    assert "DOCMIND_HOME" in shown
    assert len(shown.splitlines()) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_with_room_the_run_goes_on(small_disk, make_suite, engine):
    settings = Settings(home=small_disk / "home")
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], concurrency=1), settings)
    ballast = small_disk / "ballast"
    left = os.statvfs(small_disk)
    ballast.write_bytes(b"x" * max(0, left.f_bavail * left.f_frsize - 300_000))

    with pytest.raises(DocMindError) as caught:
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    assert "disk" in str(caught.value) or "space" in str(caught.value)

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    ballast.unlink()
    finished_before = engine.counters.get("request_success", 0)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())

    assert_consistent(settings, arms=1, queries=6)
    assert finished_before <= engine.counters["request_success"] <= 12
