"""An arm answered by several processes: the same rows, nothing asked twice, whatever dies."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from pydantic import ValidationError

from docmind_core.errors import EngineUnreachable, WorkerLost
from docmind_core.runs.arm_share import WORKER_TRIES
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.input_check import check_input
from docmind_core.runs.journal import Journal
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import benchmark_run_state
from docmind_core.runs.shard_journals import progress_file, shards_folder
from docmind_core.runs.shards import run_shard
from docmind_core.settings import Settings
from tests.fakes.engine_faults import Stream
from tests.runs.running import run, select

ROWS = (
    "select arm, query_id, replicate, block, phase, q.status, answer, prompt_tokens, completion_tokens, calls "
    "from query_runs as q join runs using (run_id) order by all"
)
FINISHED = "select count(*), count(distinct (query_id, task, request_hash)) from llm_calls where status = 'finished'"
SESSIONS = (
    "select engine_session like '%+1', state, requests_sent = attempts_booked "
    "from ledger_balance order by engine_session"
)
LEDGER = "select state, because, requests_sent = attempts_booked from ledger_balance order by arm"


HANGS = Stream(pieces=(), ends="hang")
"""As long as the client waits; the fault "hang" would end every short deadline too."""


class Follower(SilentObserver):
    """Keeps what is shown of an arm at its end, and what is announced."""

    def __init__(self):
        self.said, self.ends = [], {}

    def announce(self, text):
        self.said.append(text)

    def still_running(self, progress):
        self.ends[progress.arm] = progress


def test_two_workers_leave_the_rows_of_one(home, make_suite, tmp_path):
    """Arms, blocks, replicates, warm-ups and budgets of another arm, whose answers decide what may be spent."""
    how = {"arms": ["single_pass", "tuned", "single_pass@budget"], "replicates": 2, "blocks": 2, "warmup": 1}
    alone = Settings(home=tmp_path / "alone")
    run(alone, make_suite(**how))
    key = run(home, make_suite(**how, workers=2))

    assert select(home, ROWS) == select(alone, ROWS)
    assert select(home, LEDGER) == [("balanced", None, True)] * 3
    columns = "concurrency_missing_because, loop_lag_max_s is not null, duration_s is not null, process_starts, status"
    assert set(select(home, f"select {columns} from runs")) == {(None, True, True, 1, "finished")}
    assert not shards_folder(home, key).exists()


def test_a_killed_worker_is_replaced_and_asks_no_finished_call_again(home, make_suite, engine):
    reply, seen = engine.reply, []

    def kill_a_worker(body):
        seen.append(body)
        if len(seen) == 9:
            _workers(os.getpid())[0].kill()
        return reply(body)

    engine.reply = kill_a_worker
    follower = Follower()
    key = freeze_benchmark_run(make_suite(arms=["naive_supervisor"], workers=2), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=follower)

    assert any("a worker was lost; others continue" in said for said in follower.said)
    assert select(home, "select status, process_starts from runs") == [("finished", 1)]
    ((finished, different),) = select(home, FINISHED)
    assert finished == different == 6 * 13
    ((attempts,),) = select(home, "select count(*) from llm_calls")
    assert len(engine.requests) <= attempts
    # What the dead process had sent is not known, so that nothing is compared with it. What was sent later is.
    (first, second) = select(home, SESSIONS)
    assert first in {(False, "unreconciled", None), (False, "balanced", None)}, (
        "whether a call was in progress is chance"
    )
    assert second == (True, "balanced", True)


def _workers(pid):
    found = psutil.Process(pid).children(recursive=True)
    return [child for child in found if "spawn_main" in " ".join(child.cmdline())]


MAIN = """
import sys
from pathlib import Path
from docmind_core.settings import Settings
from tests.runs.running import run
run(Settings(home=Path(sys.argv[1])), None, sys.argv[2])
"""


@pytest.mark.usefixtures("threads")
def test_workers_end_with_a_killed_main_process_and_a_resumption_takes_over_what_they_booked(home, make_suite, engine):
    engine.fault_of = lambda body: HANGS if len(engine.requests) > 9 else None
    suite = make_suite(arms=["naive_supervisor"], workers=2)
    key = freeze_benchmark_run(suite, home)
    with subprocess.Popen([sys.executable, "-c", MAIN, home.home, key]) as main:
        engine.wait_for_call(12)
        workers = _workers(main.pid)
        main.kill()
    ended, alive = psutil.wait_procs(workers, timeout=60)
    assert (len(ended), alive) == (2, [])
    assert len(list(shards_folder(home, key).glob("*.sqlite"))) == 2
    progress_file(next(shards_folder(home, key).glob("*.sqlite"))).write_text(json.dumps({"done": 2}))
    assert benchmark_run_state(home, key).queries_done == 2, "what shards have answered counts before it is absorbed"

    engine.fault_of = lambda body: None
    run(home, suite, key)
    ((finished, different),) = select(home, FINISHED)
    assert finished == different == 6 * 13
    assert len(engine.requests) == 6 * 13 + 3


class Threads:
    """Workers that are threads: everything but their processes."""

    count, bookings_stay = 2, True

    def __init__(self, *given):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *how):
        pass

    async def run(self, worker, spec):
        return await asyncio.to_thread(run_shard, spec)


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr("docmind_core.runs.workers.LocalWorkers", Threads)
    monkeypatch.setattr("docmind_core.runs.shards.SECONDS_BETWEEN_LOOKS", 0.01)


@pytest.mark.parametrize(("unbooked", "later"), [(0, "balanced"), (1, "unbalanced")])
@pytest.mark.usefixtures("threads")
def test_what_follows_a_lost_worker_is_balanced_for_itself(home, make_suite, engine, monkeypatch, unbooked, later):
    class LosesTheFirst(Threads):
        async def run(self, worker, spec):
            if spec.sessions[0].endswith("+1"):
                engine.counters["generation_tokens"] = engine.counters.get("generation_tokens", 0.0) + unbooked
            elif worker == 0:
                raise WorkerLost("gone")
            return await super().run(worker, spec)

    monkeypatch.setattr("docmind_core.runs.workers.LocalWorkers", LosesTheFirst)
    run(home, make_suite(arms=["single_pass"], workers=2))

    assert select(home, SESSIONS) == [(False, "balanced", None), (True, later, True)]
    assert select(home, "select count(*), count(distinct query_id) from query_runs") == [(6, 6)]


@pytest.mark.usefixtures("threads")
def test_workers_that_are_lost_again_and_again_end_the_run(home, make_suite, monkeypatch):
    class LosesAll(Threads):
        async def run(self, worker, spec):
            lost.append(worker)
            raise WorkerLost("gone")

    lost = []
    monkeypatch.setattr("docmind_core.runs.workers.LocalWorkers", LosesAll)
    with pytest.raises(WorkerLost, match="gone"):
        run(home, make_suite(arms=["single_pass"], workers=2))
    assert len(lost) == 2 * WORKER_TRIES


class Interrupted(BaseException):
    """What a handler of a signal raises, as Dagster's does."""


@pytest.mark.usefixtures("threads")
def test_stopped_workers_book_what_is_in_progress_and_a_resumption_asks_no_finished_call_again(
    home, make_suite, engine
):
    suite = make_suite(arms=["naive_supervisor"], workers=2)
    key = freeze_benchmark_run(suite, home)

    def interrupt(number, frame):
        raise Interrupted

    def hang_from_the_tenth_on(body):
        if len(engine.requests) == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return HANGS if len(engine.requests) > 9 else None

    engine.fault_of = hang_from_the_tenth_on
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(Interrupted):
            run(home, suite, key)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not shards_folder(home, key).exists(), "what they had answered is in the journal"
    with Journal(journal_path(home, key)) as journal:
        attempts = journal.attempts(f"{key}.naive_supervisor")
    assert (
        sorted((row["status"], ended) for row, ended in attempts) == [("cut_off", True)] * 3 + [("finished", True)] * 9
    )

    engine.fault_of = lambda body: None
    run(home, suite, key)
    ((finished, different),) = select(home, FINISHED)
    assert finished == different == 6 * 13
    assert select(home, "select status, process_starts from runs") == [("finished", 2)]


@pytest.mark.usefixtures("threads")
def test_an_engine_that_is_gone_ends_all_workers_and_the_run(home, make_suite, engine):
    suite = make_suite(arms=["naive_supervisor"], workers=2)
    key = freeze_benchmark_run(suite, home)

    def die_at_the_tenth(body):
        engine.dead = len(engine.requests) > 9

    engine.fault_of = die_at_the_tenth
    with pytest.raises(EngineUnreachable):
        run(home, suite, key)
    assert not shards_folder(home, key).exists()

    engine.dead, engine.fault_of = False, lambda body: None
    run(home, suite, key)
    ((finished, different),) = select(home, FINISHED)
    assert finished == different == 6 * 13


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"concurrency": 3, "workers": 4}, "4 workers need at least 4 calls in flight, not 3; raise concurrency"),
        ({"concurrency": "auto", "workers": 2}, "concurrency: auto uses one worker"),
    ],
)
def test_workers_without_calls_to_divide_are_refused_where_the_suite_is_read(make_suite, changes, said):
    with pytest.raises(ValidationError, match=said):
        make_suite(**changes)


def test_calls_on_several_hosts_are_not_counted_together(home, make_suite, monkeypatch, threads):
    monkeypatch.setattr("docmind_core.runs.shards.this_host", lambda: "another")
    run(home, make_suite(arms=["single_pass"], workers=2))

    columns = "achieved_concurrency, concurrency_missing_because, status"
    assert select(home, f"select {columns} from runs") == [(None, "several_hosts", "finished")]
    assert select(home, LEDGER) == [("balanced", None, True)]


def test_check_names_the_arms_that_one_process_answers(make_suite, tmp_path):
    suite = make_suite(arms=["single_pass", "naive+result_cache"], workers=2)
    path = tmp_path / "toy.yaml"
    path.write_text(json.dumps(suite.model_dump(mode="json")))

    notices = check_input(str(path)).notices
    assert any("workers: 2 does not apply to naive+result_cache:" in notice for notice in notices)
