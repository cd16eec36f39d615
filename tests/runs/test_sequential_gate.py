"""A gate that looks while the candidate runs: what it stops, what it says of the queries that are not asked."""

import json

import pytest

from docmind_core.alerts.evaluating import evaluate_alerts
from docmind_core.errors import UsageError
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.run_comparison import compare_runs
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.sequential_gate import (
    FILE,
    decide_sequential,
    open_looks,
    plan_gate,
    plan_text,
    read_plan,
)
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.reports.gate_page import as_json, junit, verdict_line
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, read_frozen_suite
from docmind_core.runs.keys import benchmark_run_of
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_names import pin_baselines
from docmind_core.serving.chat_client import ChatClient
from docmind_core.settings import Settings
from docmind_core.suites.gate_policy import GatePolicy
from docmind_core.tables.publish import publish
from tests.builders import make_toy_suite
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.runs.running import Killed, run, select

N = 24
EASY = {"metrics": {"passed": {"margin": 0.5}, "good_ratio": {"margin": 0.5}}, "min_n": N}
STRICT = {"metrics": ["passed"], "min_n": N}


@pytest.fixture(scope="module")
def server():
    with FakeEngine() as server:
        yield server


@pytest.fixture(autouse=True)
def engine(server):
    """The engine of all tests here, which answers right again."""
    server.reply = lambda body: "blue [1]"
    return server


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One home for all: each test begins a benchmark run of its own in it."""
    return Settings(home=tmp_path_factory.mktemp("gate") / "home")


@pytest.fixture(scope="module")
def suite(server, tmp_path_factory):
    ids = [f"{at:02}" for at in range(N)]
    folder = write_query_set(
        tmp_path_factory.mktemp("set"),
        documents=[{"doc_id": f"d{at}", "title": at, "text": f"The colour of thing {at} is blue."} for at in ids],
        queries=[
            {
                "query_id": f"q{at}",
                "query": f"Which colour has thing {at}?",
                "answers": ["blue"],
                "gold_doc_ids": [f"d{at}"],
            }
            for at in ids
        ],
    )
    return make_toy_suite(str(folder), server.url, arms=["single_pass"], strategies=["keyword_search"])


@pytest.fixture(scope="module")
def baseline(home, suite, server):
    server.reply = lambda body: "blue [1]"
    key = run(home, suite)
    score(home, key)
    return f"{key}.single_pass"


def score(home, key):
    score_benchmark_run(home, key, load_query_set(read_frozen_suite(home, key).query_set))
    publish(home)


def freeze(home, baseline, policy, **changes):
    suite = read_frozen_suite(home, benchmark_run_of(baseline)).model_copy(update=changes)
    policy = GatePolicy.model_validate(policy)
    return freeze_benchmark_run(
        suite, home, further=lambda frozen: {FILE: plan_text(plan_gate(frozen, baseline, policy))}
    )


def execute(home, key):
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver(), looks=open_looks(home, key))
    score(home, key)


def judge(home, baseline, policy, **changes):
    key = freeze(home, baseline, policy, **changes)
    execute(home, key)
    return key, decide_sequential(home, f"{key}.single_pass", read_plan(home, key))


def asked_about(body):
    return body["messages"][-1]["content"].split("thing ")[-1][:2]


@pytest.mark.parametrize(
    ("policy", "right", "expected"),
    [
        (EASY, lambda thing: True, ("pass", 10, "the loss is within the margin")),
        (EASY, lambda thing: False, ("block", 12, "worse than the baseline")),
        (STRICT, lambda thing: int(thing) % 3 > 0, ("inconclusive", 6, "out of reach")),
    ],
)
def test_a_look_that_decides_ends_the_run_in_order(home, baseline, engine, policy, right, expected):
    state, asked, said = expected
    engine.reply = lambda body: "blue [1]" if right(asked_about(body)) else "red [1]"
    before = len(engine.requests)
    key, result = judge(home, baseline, policy)

    assert (result.state, len(engine.requests) - before) == (state, asked)
    assert any(said in test.because for test in result.tests)
    ((status, rows, because),) = select(
        home, f"select status, expected_queries, stopped_because from runs where benchmark_run = '{key}'"
    )
    assert (status, rows) == ("decided", asked)
    assert because.startswith(f"stopped by the gate: {state} at look ")
    assert because.endswith(f"{asked} of {N} queries asked, {N - asked} not asked")
    assert select(home, f"select count(*), count(answer) from query_runs where starts_with(run_id, '{key}')") == [
        (asked, asked)
    ]
    assert select(home, f"select state from ledger_balance where starts_with(run_id, '{key}')") == [("balanced",)]


def test_what_was_not_asked_is_said_wherever_the_decision_is_shown_and_nothing_else_judges_the_run(
    home, suite, baseline
):
    key, result = judge(home, baseline, EASY)
    said = f"look 3 of 5, 10 of {N} queries asked, 14 not asked"
    assert verdict_line(result) == f"gate: pass at {said}"
    assert junit(result).count(f"decided at {said}") == len(result.tests) == 2
    assert (junit(result).count("; interval of the look: "), junit(result).count("95 %")) == (2, 0)
    assert json.loads(json.dumps(as_json(result)))["look"] == said
    for use in (lambda: compare_runs(home, f"{key}.single_pass", baseline), lambda: pin_baselines(home, key, "why")):
        with pytest.raises(UsageError, match=r"stopped by the gate|is decided"):
            use()
    write_limits(home.tables, key, suite)
    assert "run_failed" not in evaluate_alerts(home, key, suite).firing


def test_a_run_that_no_look_decides_is_asked_to_the_end(home, baseline):
    tight = {"metrics": {"passed": {"margin": 0.01}}, "min_n": N}
    key, result = judge(home, baseline, tight)
    assert (result.state, result.look) == ("inconclusive", f"look 5 of 5, {N} of {N} queries asked")
    assert select(home, f"select status, stopped_because from runs where benchmark_run = '{key}'") == [
        ("finished", None)
    ]


def test_a_run_that_was_interrupted_continues_to_the_same_decision(home, baseline, engine, monkeypatch):
    key, complete, before = freeze(home, baseline, EASY), ChatClient.complete, len(engine.requests)

    async def complete_some(self, request, book):
        if len(engine.requests) >= before + 7:
            raise Killed
        return await complete(self, request, book)

    with monkeypatch.context() as patched:
        patched.setattr(ChatClient, "complete", complete_some)
        with pytest.raises(Killed):
            execute(home, key)
    execute(home, key)
    result = decide_sequential(home, f"{key}.single_pass", read_plan(home, key))
    assert (result.state, len(engine.requests) - before) == ("pass", 10)
    execute(home, key)
    assert len(engine.requests) - before == 10, "what was not asked stays so"


def test_a_run_under_other_conditions_is_refused_before_its_first_query(home, baseline, engine):
    before = len(engine.requests)
    with pytest.raises(UsageError, match="top_k"):
        judge(home, baseline, EASY, top_k=3)
    assert len(engine.requests) == before


@pytest.mark.parametrize(
    ("change", "policy", "problem"),
    [
        ({"arms": ("single_pass", "tuned")}, EASY, "one arm"),
        ({"blocks": 2}, EASY, "set blocks to 1"),
        ({}, {"metrics": ["pased"]}, "unknown gate metric 'pased'"),
    ],
)
def test_what_can_not_be_looked_at_is_refused_before_anything_is_begun(suite, change, policy, problem):
    with pytest.raises(UsageError, match=problem):
        plan_gate(suite.model_copy(update=change), "20261121T020000Z-toy-7f3a.single_pass", GatePolicy(**policy))
