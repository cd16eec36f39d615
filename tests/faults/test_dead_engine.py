"""An engine that dies or hangs behind a server that lives, and a journal that can't be written: no query is lost."""

from collections import deque

import pytest

from docmind_core.errors import EngineUnreachable, RunError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.progress import SilentObserver
from tests.fakes.engine_server import ENGINE_DIED, Raw
from tests.faults.consistency import assert_consistent, select

ARMS = ["single_pass", "tuned", "guide_dag", "naive_supervisor"]


class After(SilentObserver):
    """Does something once some queries of a run are done."""

    def __init__(self, done, act):
        self.done, self.act = done, act

    def query_finished(self, progress):
        if progress.done == self.done:
            self.act()


def execute(settings, key, observer=None):
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=observer or SilentObserver())


def booked(settings, key, arm):
    """The rows of the queries that are finished in the journal."""
    with Journal(journal_path(settings, key)) as journal:
        return [
            row for part in journal.finished_parts(f"{key}.{arm}") for one in part for row in one.rows["query_runs"]
        ]


def assert_all_answered(settings, queries):
    assert_consistent(settings, arms=1, queries=queries)
    assert select(settings, "select distinct status, fallback from query_runs") == [("answered", False)]


@pytest.mark.parametrize("arm", ARMS)
def test_a_core_that_dies_ends_the_run_in_one_line_and_no_query_in_flight_is_booked_as_failed(
    home, make_suite, engine, impatient, arm
):
    engine.latency_s = 0.02
    key = freeze_benchmark_run(make_suite(arms=[arm], concurrency=4), home)

    def die():
        engine.dead = True

    with pytest.raises(EngineUnreachable, match=r"reported an error in the stream: EngineCore.*--resume") as caught:
        execute(home, key, After(1, die))
    assert "\n" not in str(caught.value)
    before = booked(home, key, arm)
    assert {(row["status"], row["fallback"]) for row in before} == {("answered", False)}
    assert len(before) < 6

    engine.dead = False
    execute(home, key)
    assert_all_answered(home, 6)


def test_a_core_that_dies_under_eight_queries_loses_none_of_them(home, make_suite, engine, impatient):
    engine.dead = True
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], concurrency=8, replicates=2), home)
    with pytest.raises(EngineUnreachable):
        execute(home, key)
    assert booked(home, key, "single_pass") == []

    engine.dead = False
    execute(home, key)
    assert select(home, "select status, count(*) from query_runs group by all") == [("answered", 12)]


@pytest.mark.parametrize(
    ("limit", "because"),
    [
        ({"deadline_s": 10}, "no answer within the deadline"),
        ({"agent_deadline_s": 5}, "single_pass exceeded its deadline of"),
    ],
)
def test_an_engine_that_hangs_ends_the_run_at_the_first_deadline(home, make_suite, engine, monkeypatch, limit, because):
    engine.faults, engine.healthy = deque(["hang"] * 9), None
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], **limit), home)
    with pytest.raises(EngineUnreachable, match=f"stopped answering; the last error was: {because}"):
        execute(home, key)
    assert booked(home, key, "single_pass") == []

    engine.faults.clear()
    engine.healthy = True
    execute(home, key)
    assert_all_answered(home, 6)


def test_a_failure_in_one_stream_of_a_healthy_engine_costs_an_attempt_and_no_query(home, make_suite, engine, impatient):
    engine.faults = deque([Raw(f"{ENGINE_DIED}\n\ndata: [DONE]\n\n")])
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], concurrency=1), home)
    execute(home, key)
    assert_all_answered(home, 6)
    assert select(home, "select status, error_type from llm_calls where attempt = 1 and status <> 'finished'") == [
        ("cut_off", "StreamFailed")
    ]


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("arm", ARMS)
def test_a_call_that_cannot_be_booked_ends_the_run_and_leaves_its_query_to_be_resumed(
    home, make_suite, monkeypatch, arm, ended
):
    key = freeze_benchmark_run(make_suite(arms=[arm], concurrency=1), home)
    book, failed = Journal.book_attempt, []

    def fail_once(self, query, row, *, ended, **options):
        if ended is wanted and not failed:
            failed.append(row["task"])
            raise RunError("journal.sqlite: can't be written (database or disk is full).")
        book(self, query, row, ended=ended, **options)

    wanted = ended
    monkeypatch.setattr(Journal, "book_attempt", fail_once)
    with pytest.raises(RunError, match="disk is full"):
        execute(home, key)
    assert failed
    assert booked(home, key, arm) == []

    execute(home, key)
    assert_all_answered(home, 6)
