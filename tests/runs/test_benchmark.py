import json
from collections import deque

import pytest

from docmind_core.agents.context import AGENTS
from docmind_core.errors import EngineUnreachable, HomeLocked, UsageError
from docmind_core.runs import benchmark
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, read_frozen_suite
from docmind_core.runs.lock import lock_home
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.tables import publish
from docmind_core.tables.segments import read_segment
from tests.runs.running import run, select


def test_a_run_answers_every_query_in_every_arm(home, make_suite):
    key = run(home, make_suite())

    rows = select(home, "select run_id, count(*), countif(status = 'answered') from query_runs group by 1 order by 1")
    assert rows == [(f"{key}.naive_supervisor", 6, 6), (f"{key}.single_pass", 6, 6)]


class Counts(SilentObserver):
    """Counts the published arms when one has ended."""

    def __init__(self, home):
        self.home, self.counts = home, []

    def arm_finished(self, progress):
        self.counts += select(self.home, "select count(*) from runs")


@pytest.mark.parametrize(("cheap_bytes", "counts"), [(publish.CHEAP_BYTES, [(1,), (2,)]), (0, [(0,), (0,)])])
def test_an_ended_arm_is_published_while_the_database_is_small_and_all_arms_at_the_end(
    home, make_suite, monkeypatch, cheap_bytes, counts
):
    monkeypatch.setattr(benchmark, "publish_while_cheap", publish.publish_while_cheap)
    monkeypatch.setattr(publish, "CHEAP_BYTES", cheap_bytes)
    key, observer = freeze_benchmark_run(make_suite(limit=1), home), Counts(home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=observer)
    assert observer.counts == counts
    assert select(home, "select count(*) from runs") == [(2,)]


def test_the_ledger_balances_to_the_token_with_the_engine_s_own_counters(home, make_suite, engine):
    """S21: real calls, counted on both sides."""
    run(home, make_suite())

    states = select(home, "select state, prompt_difference, completion_difference from ledger_balance")
    assert states == [("balanced", 0, 0)] * 2
    sums = select(home, "select sum(prompt_tokens), sum(completion_tokens) from llm_calls")
    assert sums == [(engine.counters["prompt_tokens"], engine.counters["generation_tokens"])]


def test_the_baseline_has_calls_of_the_supervisor_and_of_all_five_agents(home, make_suite):
    """S1: all five call the served model, and so does the supervisor."""
    run(home, make_suite(arms=["naive_supervisor"], limit=1))

    agents = {agent for (agent,) in select(home, "select distinct agent from llm_calls")}
    assert agents == {"supervisor", *AGENTS}
    roles = select(home, "select distinct agent from llm_calls where role = 'supervisor'")
    assert roles == [("supervisor",)]


def test_a_query_row_sums_its_calls(home, make_suite):
    run(home, make_suite())

    wrong = select(
        home,
        "select count(*) from (select run_id, query_id, sum(billed_tokens) as billed, count(*) as booked "
        "from llm_calls group by all) join query_runs as q using (run_id, query_id) "
        "where q.billed_tokens <> billed or q.attempts <> booked",
    )
    assert wrong == [(0,)]


def test_answers_citations_and_rankings_are_kept(home, make_suite):
    run(home, make_suite(arms=["single_pass"], limit=1))

    ((answer, citations, overhead, wall),) = select(
        home, "select answer, citations, coordination_overhead_s, wall_s from query_runs"
    )
    assert (answer, len(citations)) == ("blue", 1)
    assert 0 <= overhead <= wall
    assert {ranking for (ranking,) in select(home, "select distinct ranking from retrieved")} == {
        "search",
        "candidates",
    }


def test_thinking_is_kept_apart_from_the_answer(home, make_suite, engine):
    engine.reply = lambda body: "<think>red? [2]</think>blue [1]"
    run(home, make_suite(arms=["single_pass"], limit=1))

    ((answer, reasoning, citations),) = select(home, "select answer, reasoning, citations from query_runs")
    assert (answer, reasoning, len(citations)) == ("blue", "red? [2]", 1)


def test_a_failing_query_is_a_row_and_the_others_continue(home, make_suite, engine):
    engine.faults = deque([400])
    run(home, make_suite(arms=["single_pass"]))

    rows = select(home, "select status, error_type from query_runs order by status desc")
    assert rows == [("failed", "RequestRejected"), *[("answered", None)] * 5]
    assert select(home, "select state from ledger_balance") == [("balanced",)]


def test_a_deadline_ends_the_query_and_names_the_call_that_was_cut(home, make_suite, engine):
    """S24: the query's deadline."""
    engine.faults = deque(["hang"])
    run(home, make_suite(arms=["single_pass"], limit=1, deadline_s=5))

    assert select(home, "select status, error_type, tokens_missing_because from query_runs") == [
        ("failed", "CallTimeout", "unreconciled")
    ]
    ((call_id,),) = select(home, "select call_id from llm_calls")
    ((state, because),) = select(home, "select state, because from ledger_balance")
    assert state == "unreconciled"
    assert call_id in because


def test_an_engine_that_is_gone_ends_the_run_and_resuming_finishes_it(home, make_suite, engine, monkeypatch):
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)
    suite = make_suite(concurrency=1)
    key = freeze_benchmark_run(suite, home)

    class DiesAfterTwo(SilentObserver):
        def query_finished(self, progress):
            if progress.done == 2:
                engine.faults = deque(["drop"] * 40)
                engine.healthy = False

    with pytest.raises(EngineUnreachable):
        execute_benchmark_run(home, key, dagster_run_id=None, observer=DiesAfterTwo())
    assert [(state.finished, state.queries_done) for state in list_benchmark_runs(home)] == [(False, 2)]

    engine.faults.clear()
    engine.healthy = True
    before = len(engine.requests)
    run(home, suite, key)

    assert [(state.finished, state.queries_done) for state in list_benchmark_runs(home)] == [(True, 12)]
    assert select(home, "select count(*) from query_runs where status = 'answered'") == [(12,)]
    assert [body for body in engine.requests[before:] if body["messages"][0]["content"].startswith("You read")]


def test_a_finished_run_is_not_run_again(home, make_suite, engine):
    suite = make_suite(arms=["single_pass"])
    key = run(home, suite)
    requests = len(engine.requests)
    run(home, suite, key)

    assert len(engine.requests) == requests


def test_replicates_are_rows_of_their_own(home, make_suite):
    run(home, make_suite(arms=["single_pass"], replicates=2))

    assert select(home, "select replicate, count(*) from query_runs group by 1 order by 1") == [(0, 6), (1, 6)]


def test_an_engine_without_metrics_is_shown_not_judged(home, make_suite, engine):
    engine.offers_metrics = False
    run(home, make_suite(arms=["single_pass"]))

    assert select(home, "select state from ledger_balance") == [("no_metrics",)]


def test_foreign_traffic_is_shown_not_judged(home, make_suite, engine):
    class Intruder(SilentObserver):
        def query_finished(self, progress):
            engine.counters["request_success"] += 1
            engine.counters["prompt_tokens"] += 7

    suite = make_suite(arms=["single_pass"])
    execute_benchmark_run(home, freeze_benchmark_run(suite, home), dagster_run_id=None, observer=Intruder())

    assert select(home, "select state from ledger_balance") == [("not_exclusive",)]


def test_a_second_run_on_the_same_home_is_refused(home, make_suite, tmp_path):
    import subprocess
    import sys

    code = (
        "import sys, pathlib; from docmind_core.runs.lock import lock_home\n"
        "from docmind_core.settings import Settings\n"
        "with lock_home(Settings(home=pathlib.Path(sys.argv[1])), 'docmind bench other'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HomeLocked, match=f"process {holder.pid}, which runs docmind bench other"):
            run(home, make_suite())
        holder.stdin.close()


def test_the_lock_may_be_taken_again_by_its_holder(home):
    with lock_home(home, "outer"), lock_home(home, "inner"):
        pass


@pytest.mark.parametrize(
    ("change", "message"), [({"arms": ["fastest"]}, "fastest"), ({"query_set": "nowhere"}, "nowhere")]
)
def test_a_suite_that_cannot_run_is_refused_before_anything_is_written(home, make_suite, change, message):
    with pytest.raises(UsageError, match=message):
        freeze_benchmark_run(make_suite(**change), home)
    assert not home.benchmarks.exists()


@pytest.mark.parametrize("key", ["../../etc", "20261122T020000Z-smoke-7f3a", ""])
def test_an_unknown_benchmark_run_is_refused(home, key):
    with pytest.raises(UsageError, match="docmind runs"):
        read_frozen_suite(home, key)


def test_the_manifest_names_what_ran(home, make_suite):
    """S8: the hardware too."""
    key = run(home, make_suite(arms=["single_pass"]))

    (row,) = read_segment(home.tables, "runs", f"{key}.single_pass")
    assert (row["status"], row["expected_queries"], row["engine_managed"]) == ("finished", 6, False)
    assert (row["prefix_cache_state"], row["model"], row["routing"]) == ("unknown", "fake-model", "fixed")
    hashes = ("query_set_hash", "corpus_hash", "index_hash", "prompt_hash", "series_key", "hardware_fingerprint")
    assert all(row[name] for name in hashes)
    assert json.loads(row["manifest"])["hardware"].keys() == {"processor", "architecture", "cores", "memory_gib"}
