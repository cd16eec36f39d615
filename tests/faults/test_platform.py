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
from dagster_project.instance import open_instance
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.settings import child_environment
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
def test_an_interrupted_benchmark_says_how_to_continue_and_can(
    bench_home, write_suite, engine, capfd, bench_until_interrupted
):
    home = bench_home
    engine.faults.extend([None, None, "hang"])
    suite = write_suite(arms=["single_pass"], concurrency=1)
    code, shown = bench_until_interrupted(home, suite, engine, capfd)

    (state,) = list_benchmark_runs(home)
    assert code == EXIT_INTERRUPTED, shown
    told, hint = [line for line in shown.splitlines() if line][-2:]  # click ends an interruption with a blank line
    assert told == f"interrupted; resume with: docmind bench {suite} --resume {state.benchmark_run}"
    assert hint.endswith("add --redo-interrupted to rerun them")
    assert "Traceback" not in shown
    assert (state.finished, state.queries_done) == (False, 2)
    with open_instance(home) as instance:
        assert [(one.status.value, one.tags["dagster/partition"]) for one in instance.get_runs()] == [
            ("CANCELED", state.benchmark_run)
        ]
    with Journal(journal_path(home, state.benchmark_run)) as journal:
        moments = {row["moment"] for row in journal.counters(f"{state.benchmark_run}.single_pass")}
    assert moments == {"before", "after"}, "the engine is asked for its counters before it is left alone"

    execute_benchmark_run(home, state.benchmark_run, dagster_run_id=None, observer=SilentObserver())
    assert_consistent(home, arms=1, queries=6)
    assert select(home, "select distinct status from query_runs") == [("answered",)]
    assert select(home, "select count(*) from llm_calls where error_type = 'ProcessDied'") == [(0,)]
    assert "died" not in str(select(home, "select state, because from ledger_balance")), "it was stopped in order"
    finished = select(home, "select count(*) from llm_calls where status = 'finished'")
    assert finished == [(engine.counters["request_success"],)]
    unknown = "billed_tokens, wall_s, tokens_missing_because, times_missing_because"
    marked = select(home, f"select attempts, {unknown} from query_runs where times_missing_because is not null")
    assert marked == [(2, None, None, "unreconciled", "resumed")], "what was in progress, and nothing else"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which nobody can write to, root neither")
def test_a_home_that_cannot_be_written_to_is_one_line(write_suite, monkeypatch, capfd):
    monkeypatch.setenv("DOCMIND_HOME", "/proc/docmind")

    assert run(["bench", write_suite()]) == 1
    shown = capfd.readouterr().err
    assert shown.startswith("docmind: /proc/docmind: can't be written to")
    assert "DOCMIND_HOME" in shown
    assert len(shown.splitlines()) == 1


def test_a_platform_killed_with_9_is_reported_by_the_next_run_and_continues(bench_home, write_suite, engine, capfd):
    """Its Dagster run is failed, its slot freed, and nothing that it had finished is asked again."""
    engine.faults.extend([None, None, "hang"])
    suite = write_suite(arms=["single_pass"], concurrency=1)
    with bench(bench_home, suite) as process:
        while engine.begun < 3 and process.poll() is None:
            engine.wait_for_call(3)
        process.kill()
    (killed,) = list_benchmark_runs(bench_home)

    assert run(["bench", suite]) == 0
    notice = f"the process of {killed.benchmark_run} died; its Dagster run was marked as failed and its slot released. "
    assert f"{notice}Resume it later: docmind bench {suite} --resume {killed.benchmark_run}" in capfd.readouterr().err
    assert run(["bench", suite, "--resume", killed.benchmark_run, "--redo-interrupted"]) == 0
    shown = capfd.readouterr().err
    assert "process of" not in shown
    assert "1 interrupted query is rerun" in shown

    counts = select(bench_home, "select count(*), count(distinct query_id) from query_runs group by run_id")
    assert counts == [(6, 6)] * 2
    unknown = "count(tokens_missing_because) + count(times_missing_because)"
    assert select(bench_home, f"select {unknown} from query_runs") == [(0,)]
    assert select(bench_home, "select max(redone_queries), sum(redone_queries) from runs") == [(1, 1)]
    with open_instance(bench_home) as instance:
        states = {(entry.tags["dagster/partition"], entry.status.value) for entry in instance.get_runs()}
    assert {(killed.benchmark_run, "FAILURE"), (killed.benchmark_run, "SUCCESS")} < states
    assert engine.counters["request_success"] == 12
