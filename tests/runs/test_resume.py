"""Going on with an interrupted run: nothing is done twice, nothing is lost, and what changed is said."""

import json

import pytest

from docmind_core.errors import RunError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.changed_suite import ask_interrupted_again, has_interrupted_queries, resume_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from tests.runs.running import Killed, interrupt, run, select


def test_finished_calls_of_an_unfinished_query_are_replayed(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["naive_supervisor"], limit=1)
    key = interrupt(home, suite, engine, monkeypatch, after=5)
    run(home, suite, key)

    assert len(engine.requests) == 13  # each call once: five before the end, eight after
    ((calls, reason, wall),) = select(home, "select calls, times_missing_because, wall_s from query_runs")
    assert (calls, reason, wall) == (13, "resumed", None)


def test_a_query_asked_again_keeps_tokens_and_times_and_the_ledger_what_its_first_calls_cost(
    home, make_suite, engine, monkeypatch
):
    suite = make_suite(arms=["naive_supervisor"], limit=1)
    key = interrupt(home, suite, engine, monkeypatch, after=5)
    assert has_interrupted_queries(home, key)
    assert ask_interrupted_again(home, key).startswith("1 interrupted query is rerun")
    assert not has_interrupted_queries(home, key)
    assert ask_interrupted_again(home, key).startswith("no query"), "once is enough"
    run(home, suite, key)

    assert len(engine.requests) == 5 + 13
    columns = "calls, attempts, wall_s > 0, critical_path_tokens > 0, times_missing_because, tokens_missing_because"
    assert select(home, f"select {columns} from query_runs") == [(13, 13, True, True, None, None)]
    assert select(home, "select phase, count(*) from llm_calls group by 1 order by 1") == [
        ("interrupted", 5),
        ("measured", 13),
    ]
    measured = select(home, "select sum(billed_tokens) from llm_calls where phase = 'measured'")
    assert select(home, "select sum(billed_tokens) from query_runs") == measured
    assert select(home, "select billed_tokens from token_efficiency where agent = 'all'") == measured
    assert select(home, "select sum(input_tokens + output_tokens) from agent_executions") == measured
    assert select(home, "select sum(prompt_tokens), sum(completion_tokens) from llm_calls") == [
        (engine.counters["prompt_tokens"], engine.counters["generation_tokens"])
    ]
    assert select(home, "select state from ledger_balance") == [("balanced",)]
    assert select(home, "select redone_queries, process_starts from runs") == [(1, 2)]


def test_a_changed_prompt_is_refused_on_resume_with_the_difference(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch)
    monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "another")

    with pytest.raises(RunError, match=r"prompts \([0-9a-f]{12} → another\).*--resume-anyway"):
        run(home, suite, key)


@pytest.mark.parametrize(("edit", "now"), [("return 2", "[0-9a-f]{12}"), ("return (", "not loadable")])
def test_a_changed_scorer_of_the_user_is_refused_on_resume_with_the_difference(
    home, make_suite, engine, monkeypatch, edit, now
):
    home.make_home()
    path = home.home / "my_scorers.py"
    path.write_text(
        "from docmind_core.measurements.records import scorer\n"
        "@scorer(unit='1', range='any number', better='none', definition='One.')\n"
        "def one(query, run):\n    return 1\n"
    )
    suite = make_suite(arms=["single_pass"], concurrency=1, metrics=[f"{path}:one"])
    key = interrupt(home, suite, engine, monkeypatch)
    path.write_text(path.read_text().replace("return 1", edit))
    resume_benchmark_run(home, key, suite, anyway=False)

    with pytest.raises(RunError, match=rf"my_scorers.py:one \([0-9a-f]{{12}} → {now}\).*--resume-anyway"):
        run(home, suite, key)


def test_resuming_anyway_finishes_the_run_and_marks_it_not_comparable(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch)
    monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "another")
    resume_benchmark_run(home, key, suite, anyway=True)
    run(home, suite, key)

    assert select(home, "select status, comparable from runs") == [("finished", False)]


def test_an_unchanged_run_stays_comparable(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch)
    resume_benchmark_run(home, key, suite, anyway=False)
    run(home, suite, key)

    assert select(home, "select status, comparable from runs") == [("finished", True)]


def test_a_changed_suite_is_refused_on_resume_with_the_difference(home, make_suite):
    key = freeze_benchmark_run(make_suite(limit=2), home, source=make_suite())
    resume_benchmark_run(home, key, make_suite(), anyway=False)

    with pytest.raises(RunError, match="concurrency: 3 → 5"):
        resume_benchmark_run(home, key, make_suite(concurrency=5), anyway=False)


@pytest.mark.parametrize("anyway", [False, True])
def test_whoever_continues_by_the_key_alone_is_refused_a_changed_suite_too(
    home, make_suite, engine, monkeypatch, tmp_path, anyway
):
    """As Dagster does, which knows no more than the key."""
    before, after = (make_suite(arms=["single_pass"], concurrency=number) for number in (1, 2))
    path = tmp_path / "toy.yaml"
    path.write_text(json.dumps(before.model_dump(mode="json")))
    key = freeze_benchmark_run(before, home, named=str(path))
    interrupt(home, before, engine, monkeypatch, key=key)
    path.write_text(json.dumps(after.model_dump(mode="json")))

    if anyway:
        resume_benchmark_run(home, key, after, anyway=True)
    else:
        with pytest.raises(RunError, match=r"the suite of .* has changed since its start: concurrency: 1 → 2"):
            run(home, before, key)
        path.unlink()
    run(home, before, key)

    assert select(home, "select status, comparable from runs") == [("finished", not anyway)]


def test_when_a_suite_starts_and_who_hears_of_it_may_change_during_a_run(
    home, make_suite, engine, monkeypatch, tmp_path
):
    before = make_suite(arms=["single_pass"], concurrency=1)
    after = make_suite(
        arms=["single_pass"], concurrency=1, schedule="0 3 * * *", timezone="Europe/Berlin", channels=["ops"]
    )
    path = tmp_path / "toy.yaml"
    path.write_text(json.dumps(before.model_dump(mode="json")))
    key = freeze_benchmark_run(before, home, named=str(path))
    interrupt(home, before, engine, monkeypatch, key=key)
    path.write_text(json.dumps(after.model_dump(mode="json")))

    run(home, before, key)

    assert select(home, "select status, comparable from runs") == [("finished", True)]


def test_a_run_that_no_one_can_ask_for_by_name_continues_though_a_bundled_suite_has_its_name(
    home, make_suite, engine, monkeypatch
):
    suite = make_suite(name="smoke", arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch)
    run(home, suite, key)

    assert select(home, "select status, comparable from runs") == [("finished", True)]


def test_an_arm_that_ended_just_before_the_process_died_gets_its_tables(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["single_pass"])
    key = freeze_benchmark_run(suite, home)

    def die(*arguments, **named):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("docmind_core.runs.benchmark.fold_arm", die)
        with pytest.raises(Killed):
            run(home, suite, key)
    requests = len(engine.requests)
    run(home, suite, key)

    assert len(engine.requests) == requests
    assert select(home, "select count(*), min(status) from query_runs") == [(6, "answered")]
    assert select(home, "select count(*) > 1 from device_samples where source = 'host'") == [(True,)]


@pytest.mark.parametrize("after", [0, 3])
def test_an_arm_of_two_processes_has_no_duration_even_if_no_call_was_replayed(
    home, make_suite, engine, monkeypatch, after
):
    """The process ended between two queries: nothing but its start tells of the pause."""
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after)
    outcome = execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())

    assert select(home, "select distinct times_missing_because from query_runs") == [(None,)]
    assert select(home, "select process_starts, duration_s, duration_missing_because from runs") == [
        (2, None, "resumed")
    ]
    speeds = "select tokens_per_second, tokens_per_second_missing_because from system_performance"
    assert select(home, speeds) == [(None, "resumed")] * 2
    (arm,) = outcome.arms
    assert (arm.done, arm.elapsed_s, arm.tokens_per_s) == (6, None, None)


def test_an_undisturbed_arm_has_a_duration(home, make_suite):
    key = run(home, make_suite(arms=["single_pass"]))
    assert select(home, "select process_starts, duration_s > 0, duration_missing_because from runs") == [
        (1, True, None)
    ]
    (arm,) = execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver()).arms
    assert arm.elapsed_s > 0


def ended_and_interrupted(home, make_suite, engine, monkeypatch):
    """A run whose first arm has ended and whose second has not; single_pass takes six calls."""
    suite = make_suite(arms=["single_pass", "naive_supervisor"], concurrency=1)
    return suite, interrupt(home, suite, engine, monkeypatch, after=8)


def test_a_change_marks_the_arms_that_had_ended_before_it_too(home, make_suite, engine, monkeypatch):
    suite, key = ended_and_interrupted(home, make_suite, engine, monkeypatch)
    began = select(home, "select started_at from runs where arm = 'single_pass'")
    monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "another")
    assert resume_benchmark_run(home, key, suite, anyway=True) is None
    run(home, suite, key)

    assert select(home, "select arm, comparable from runs order by arm") == [
        ("naive_supervisor", False),
        ("single_pass", False),
    ]
    assert select(home, "select started_at from runs where arm = 'single_pass'") == began


def test_resuming_anyway_with_another_suite_keeps_the_frozen_one_says_so_and_is_not_comparable(
    home, make_suite, engine, monkeypatch
):
    suite, key = ended_and_interrupted(home, make_suite, engine, monkeypatch)
    notice = resume_benchmark_run(home, key, make_suite(**{**suite.model_dump(), "concurrency": 5}), anyway=True)
    assert (
        notice == f"{key} resumes with its frozen suite and is marked not comparable; the suite file has changed: "
        "concurrency: 1 → 5"
    )
    run(home, suite, key)

    assert select(home, "select distinct concurrency, comparable from runs") == [(1, False)]


def test_a_finished_run_is_marked_too(home, make_suite):
    suite = make_suite(arms=["single_pass"])
    key = run(home, suite)
    resume_benchmark_run(home, key, make_suite(**{**suite.model_dump(), "concurrency": 5}), anyway=True)
    run(home, suite, key)

    assert select(home, "select comparable from runs") == [(False,)]


@pytest.mark.parametrize("changed_before", [False, True])
def test_resume_anyway_holds_for_one_resumption_alone(home, make_suite, engine, monkeypatch, changed_before):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after=1)
    resume_benchmark_run(home, key, suite, anyway=True)
    if changed_before:
        monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "another")
    interrupt(home, suite, engine, monkeypatch, after=3, key=key)
    monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "a third")

    with pytest.raises(RunError, match="a third"):
        run(home, suite, key)


def test_a_plain_resume_takes_back_what_an_earlier_one_allowed_and_never_used(home, make_suite, engine, monkeypatch):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after=1)
    resume_benchmark_run(home, key, suite, anyway=True)
    resume_benchmark_run(home, key, suite, anyway=False)
    monkeypatch.setattr("docmind_core.runs.resuming.prompt_hash", lambda: "another")

    with pytest.raises(RunError, match="another"):
        run(home, suite, key)
