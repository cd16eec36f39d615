"""The wall clock is set while a benchmark runs: a fault of the platform that no number may show."""

from datetime import UTC, datetime, timedelta

import pytest

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.clock import ClockAnchor, clock_notice
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from tests.faults.consistency import assert_consistent, select

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Listener(SilentObserver):
    def __init__(self):
        self.heard = []

    def announce(self, text):
        self.heard.append(text)


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(days=30)])
def test_a_jump_of_the_wall_clock_changes_no_duration_and_no_order_and_is_reported(
    home, make_suite, engine, monkeypatch, jump
):
    wall, reply = [NOON], engine.reply

    def jump_and_reply(body):
        if len(engine.requests) >= 3:
            wall[0] = NOON + jump
        return reply(body)

    engine.reply = jump_and_reply
    monkeypatch.setattr("docmind_core.runs.clock.read_wall_clock", lambda: wall[0])
    key, listener = freeze_benchmark_run(make_suite(arms=["single_pass", "naive_supervisor"]), home), Listener()
    outcome = execute_benchmark_run(home, key, dagster_run_id=None, observer=listener)

    assert_consistent(home, arms=2, queries=6)
    runs = select(home, "select arm, started_at, ended_at, duration_s from runs order by started_at")
    assert [arm for arm, *_ in runs] == ["single_pass", "naive_supervisor"]
    assert all(0 < duration_s < 600 for *_, duration_s in runs)
    moments = [moment for _, started_at, ended_at, _ in runs for moment in (started_at, ended_at)]
    assert moments == sorted(moments)
    backwards = "select count(*) from query_runs where ended_at < started_at or wall_s < 0 or wall_s > 600"
    assert select(home, backwards) == [(0,)]
    outside = (
        "select count(*) from llm_calls join query_runs using (run_id, query_id) join runs using (run_id) "
        "where sent_at < query_runs.started_at or sent_at > query_runs.ended_at or ttft_s < 0 "
        "or e2e_latency_s < ttft_s or query_runs.started_at < runs.started_at or query_runs.ended_at > runs.ended_at"
    )
    assert select(home, outside) == [(0,)]
    assert all(0 < arm.elapsed_s < 600 for arm in outcome.arms)
    assert [line for line in listener.heard if "the system clock jumped by" in line] == listener.heard[-1:]


def test_the_anchor_s_time_continues_evenly_and_the_jump_is_what_the_wall_clock_moved_against_it(monkeypatch):
    monkeypatch.setattr("docmind_core.runs.clock.monotonic_ns", lambda: 7_000_000_000)
    monkeypatch.setattr("docmind_core.runs.clock.read_wall_clock", lambda: NOON - timedelta(seconds=55))
    anchor = ClockAnchor(wall=NOON, monotonic_ns=2_000_000_000)

    assert anchor.now() == NOON + timedelta(seconds=5)
    assert anchor.jumped_s() == -60.0


@pytest.mark.parametrize(("jumped_s", "told"), [(0.0, None), (-0.9, None), (3600.4, "+3,600 s"), (-60.0, "−60 s")])
def test_a_jump_is_reported_from_a_second_on(jumped_s, told):
    notice = clock_notice(jumped_s)

    assert notice is None if told is None else told in notice
