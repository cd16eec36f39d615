"""The two gates, on planted segments."""

from dagster_project.checks import judge_completeness, judge_ledger
from docmind_core.tables.gates import arm_counts, ledger_rows
from docmind_core.tables.publish import publish
from tests.builders import BENCHMARK_RUN as KEY
from tests.builders import make_call_row, make_counter_rows, make_query_run_row, make_run_row, write_rows

OTHER_KEY = "20261121T020000Z-smoke-0000"


def plant_arm(settings, arm, *, engine_prompt_tokens=100, expected_queries=1, query_ids=("q1",), benchmark_run=KEY):
    """Write an arm whose only call of each query has 100 prompt and 10 completion tokens."""
    run_id = f"{benchmark_run}.{arm}"
    growth = {"prompt_tokens": engine_prompt_tokens, "generation_tokens": 10, "request_success": 1}
    rows = {
        "runs": [make_run_row(run_id, expected_queries=expected_queries)],
        "query_runs": [make_query_run_row(query_id, run_id) for query_id in query_ids],
        "llm_calls": [
            make_call_row(f"call-{query_id}", run_id, tokens=(100, 10), query_id=query_id) for query_id in query_ids
        ],
        "engine_counters": make_counter_rows({name: count * len(query_ids) for name, count in growth.items()}, run_id),
    }
    write_rows(settings, rows, run_id)


def judge_planted_ledger(settings):
    publish(settings)
    return judge_ledger(ledger_rows(settings, KEY))


def judge_planted_arms(settings):
    publish(settings)
    return judge_completeness(("single_pass", "naive_supervisor"), arm_counts(settings, KEY))


def test_a_ledger_that_agrees_with_the_engine_passes(settings):
    plant_arm(settings, "single_pass")
    result = judge_planted_ledger(settings)
    assert result.passed
    assert result.description == "1 balanced"


def test_a_difference_that_nothing_explains_fails_and_names_the_call(settings):
    plant_arm(settings, "single_pass")
    plant_arm(settings, "naive_supervisor", engine_prompt_tokens=90)
    result = judge_planted_ledger(settings)
    assert not result.passed
    assert (
        f"{KEY}.naive_supervisor: the ledger has 100 prompt and 10 completion tokens, the engine counted 90 and 10"
        in result.description
    )
    assert "call-q1" in result.description
    shown = {record.data["run_id"]: record.data["state"] for record in result.metadata["ledger"].records}
    assert shown == {f"{KEY}.single_pass": "balanced", f"{KEY}.naive_supervisor": "unbalanced"}


def test_an_unbalanced_ledger_of_another_benchmark_run_does_not_matter(settings):
    plant_arm(settings, "single_pass")
    plant_arm(settings, "single_pass", engine_prompt_tokens=90, benchmark_run=OTHER_KEY)
    assert judge_planted_ledger(settings).passed


def test_a_run_with_all_queries_of_all_arms_is_complete(settings):
    plant_arm(settings, "single_pass", expected_queries=2, query_ids=("q1", "q2"))
    plant_arm(settings, "naive_supervisor", expected_queries=2, query_ids=("q1", "q2"))
    result = judge_planted_arms(settings)
    assert result.passed
    assert result.description == "2 arms, 4 query runs"


def test_a_missing_query_and_a_missing_arm_are_named(settings):
    plant_arm(settings, "single_pass", expected_queries=2)
    result = judge_planted_arms(settings)
    assert not result.passed
    assert result.description == "naive_supervisor: no rows; single_pass: 1 of 2 queries"
