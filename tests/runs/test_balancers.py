"""A URL behind which several engines answer: its counters can't be attributed, and no call is blamed for that."""

import random
from itertools import count

import pytest

from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.tables.gates import ledger_rows
from tests.fakes.balancer import Balancer
from tests.fakes.engine_server import FakeEngine
from tests.runs.running import interrupt, run


def used_engine(born, tokens=0.0):
    return FakeEngine(born=born, counters={"prompt_tokens": tokens, "generation_tokens": tokens})


def one_or_the_other(seed):
    chosen = random.Random(seed)
    return lambda path: chosen.randrange(2)


def always_the_same_for_metrics():
    turns = count()
    return lambda path: 0 if path == "/metrics" else next(turns)


KINDS = {
    "in turn": {},
    "at random": {"choose": one_or_the_other(7)},
    "at random, other draws": {"choose": one_or_the_other(8)},
    "counters of one replica": {"choose": always_the_same_for_metrics()},
    "three replicas": {"replicas": (used_engine(1.0), used_engine(2.0, 90.0), used_engine(3.0, 5.0))},
    "no start times": {"replicas": (used_engine(None, 70.0), used_engine(None, 900.0))},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_balancer_is_not_exclusive_its_report_is_written_and_no_call_is_blamed(home, make_suite, kind):
    changes = {"replicas": (used_engine(1_700_000_000.0), used_engine(1_700_000_123.0, 400.0)), **KINDS[kind]}
    with Balancer(**changes) as balancer:
        key = run(home, make_suite(engine=balancer.url, arms=["single_pass", "tuned"]))

    rows = ledger_rows(home, key)
    assert {row.state for row in rows} == {"not_exclusive"}
    assert all("several engines answer at this URL" in row.because for row in rows)
    assert not any("died" in row.because or "largest calls" in row.because for row in rows)
    assert "not_exclusive" in write_benchmark_report(home, key).html.read_text("utf-8")


def test_a_run_resumed_on_a_balancer_has_one_session_and_nothing_died(home, make_suite, monkeypatch):
    with Balancer(replicas=(used_engine(1.0), used_engine(2.0, 40.0))) as balancer:
        suite = make_suite(engine=balancer.url, arms=["single_pass"])
        monkeypatch.setattr(Balancer, "requests", Balancer.calls)
        key = interrupt(home, suite, balancer, monkeypatch, after=3)
        run(home, suite, key)

    (row,) = ledger_rows(home, key)
    assert row.state == "not_exclusive"
    assert "died" not in row.because
