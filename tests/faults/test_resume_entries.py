"""Every way to go on with an interrupted run is the same: no call twice, and the tables of an undisturbed run."""

import shutil

import dagster as dg
import pytest

from dagster_project.assets.agent_runs import agent_runs
from dagster_project.cli.main import run
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.launch import defs
from dagster_project.progress import ObserverFactory
from dagster_project.resources import StoreResource
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.tables.reading import query_rows
from tests.faults.consistency import assert_consistent
from tests.runs.running import interrupt
from tests.runs.running import run as run_undisturbed

CALLS = 26
ANSWERS = (
    "select query_id, replicate, status, answer, calls, prompt_tokens, completion_tokens from query_runs order by all"
)
CALLS_BY_AGENT = "select query_id, agent, task, status, count(*) from llm_calls group by all order by all"


@pytest.fixture
def bench_home(home, dagster_home, monkeypatch):
    shutil.copytree(dagster_home, home.dagster_home)
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    return home


def by_the_command_line(home, key, suite_file):
    assert run(["bench", suite_file, "--resume"]) == 0


def by_launching_the_job_again(home, key, suite_file):
    with open_instance(home) as instance:
        add_benchmark_run(instance, key)
        assert defs.resolve_job_def("benchmark").execute_in_process(instance=instance, partition_key=key).success


def by_materialising_the_partition(home, key, suite_file):
    resources = {"store": StoreResource(home=str(home.home)), "observers": ObserverFactory()}
    with open_instance(home) as instance:
        add_benchmark_run(instance, key)
        assert dg.materialize([agent_runs], instance=instance, partition_key=key, resources=resources).success


def by_the_job_after_a_run_of_it_that_failed(home, key, suite_file):
    with open_instance(home) as instance:
        add_benchmark_run(instance, key)
        job = defs.resolve_job_def("benchmark")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("docmind_core.runs.benchmark.run_interruptibly", _fail)
            failed = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
        assert not failed.success
        assert instance.get_run_by_id(failed.run_id).status == dg.DagsterRunStatus.FAILURE
        assert job.execute_in_process(instance=instance, partition_key=key).success


def _fail(work):
    work.close()
    raise RuntimeError("planted")


@pytest.mark.parametrize(
    "go_on",
    [
        by_the_command_line,
        by_launching_the_job_again,
        by_materialising_the_partition,
        by_the_job_after_a_run_of_it_that_failed,
    ],
)
def test_every_way_to_continue_makes_no_call_twice_and_leaves_the_same_tables(
    bench_home, make_suite, write_suite, engine, monkeypatch, go_on
):
    changes = {"arms": ["naive_supervisor"], "limit": 2, "concurrency": 1}
    suite, suite_file = make_suite(**changes), write_suite(**changes)
    reference = type(bench_home)(home=bench_home.home.parent / "reference")
    run_undisturbed(reference, suite)
    assert engine.counters["request_success"] == CALLS
    engine.counters.clear()
    engine.requests.clear()

    key = interrupt(bench_home, suite, engine, monkeypatch, after=5)
    assert engine.counters["request_success"] == 5
    go_on(bench_home, key, suite_file)

    assert engine.counters["request_success"] == CALLS
    assert [state.finished for state in list_benchmark_runs(bench_home)] == [True]
    assert_consistent(bench_home, arms=1, queries=2)
    for question in (ANSWERS, CALLS_BY_AGENT):
        assert query_rows(bench_home, question)[1] == query_rows(reference, question)[1]


def test_resume_says_which_run_it_takes_and_what_it_passes_over(bench_home, make_suite, write_suite, engine, capsys):
    suite_file = write_suite(arms=["single_pass"], limit=1)
    first = freeze(bench_home, make_suite(arms=["single_pass"], limit=1), "20261122T020000Z-toy-aaaa")
    second = freeze(bench_home, make_suite(arms=["single_pass"], limit=1), "20261122T030000Z-toy-bbbb")
    run_undisturbed(bench_home, None, second)
    assert run(["bench", suite_file, "--resume"]) == 0
    assert f"resuming {first}: 0 of ? queries done; newer finished runs of toy: 1" in capsys.readouterr().err

    assert run(["bench", suite_file, "--resume"]) == 0
    assert f"resuming {second}: all queries are done, only the report is missing" in capsys.readouterr().err

    shutil.rmtree(bench_home.reports / first)  # as if a gate had stopped it
    assert run(["bench", suite_file, "--resume"]) == 2
    assert "no unfinished benchmark run of toy" in capsys.readouterr().err


def freeze(home, suite, key):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("docmind_core.runs.frozen_suite.new_benchmark_run", lambda name, now: key)
        return freeze_benchmark_run(suite, home)
