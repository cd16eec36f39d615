"""kill -9 of a managed engine in the middle of a run."""

import sys

import psutil
import pytest

from docmind_core.errors import EngineUnreachable
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.progress import SilentObserver
from docmind_core.serving import profiles
from docmind_core.serving.engine_state import read_state
from tests.faults.consistency import assert_consistent, select
from tests.serving.engines import fake_profile

CHATTING = (sys.executable, "-m", "tests.fakes.engine_server")


class EngineKiller(SilentObserver):
    """Kills the server, not its keeper, once two queries are done."""

    def __init__(self, home):
        self.home = home
        self.announced = []

    def announce(self, text):
        self.announced.append(text)

    def query_finished(self, progress):
        if progress.done == 2:
            server = psutil.Process(read_state(self.home).pgid).children()[0]
            server.kill()


def test_a_killed_engine_ends_the_run_in_one_line_and_resuming_keeps_what_was_finished(
    home, make_suite, monkeypatch, impatient
):
    monkeypatch.setitem(profiles._BUILDERS, "fake", lambda: fake_profile(launcher=CHATTING))
    suite = make_suite(engine="fake", arms=["single_pass"], concurrency=1)
    key = freeze_benchmark_run(suite, home)

    with pytest.raises(EngineUnreachable, match=r"can't be reached .*--resume") as caught:
        execute_benchmark_run(home, key, dagster_run_id=None, observer=EngineKiller(home.home))
    assert "\n" not in str(caught.value)
    (log,) = home.logs.glob("engine-fake-*.log")
    assert "Last lines of its log: " in str(caught.value)
    assert f"(log: {log})" in str(caught.value)
    assert read_state(home.home) is None
    with Journal(journal_path(home, key)) as journal:
        finished = {row["call_id"] for row, _ in journal.attempts(f"{key}.single_pass") if row["status"] == "finished"}
    assert len(finished) == 2

    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())

    assert_consistent(home, arms=1, queries=6)
    assert select(home, "select distinct status from query_runs") == [("answered",)]
    calls = select(home, "select call_id from llm_calls where status = 'finished'")
    assert len(calls) == 6
    assert finished < {call_id for (call_id,) in calls}
    assert select(home, "select count(distinct engine_session) from ledger_balance") == [(2,)]
