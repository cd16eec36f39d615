"""`tokens_per_correct` with its interval, in the table `run_estimates`."""

import json

import pytest

from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment
from tests.measurements.written_arms import NAIVE, SUITE, varied, write_arm

PASSED = [1.0, 0.0, 1.0, 1.0] * 20


def estimates(settings):
    compare_arms(settings, "k", SUITE)
    return {row["slice"]: row for row in read_segment(settings.tables, "run_estimates", NAIVE)}


def test_an_arm_alone_has_its_tokens_per_correct_with_an_interval_by_slice(settings):
    billed = varied(1000)
    write_arm(settings, NAIVE, billed, PASSED, rows={"tags": json.dumps(["identifier"])})
    found = estimates(settings)
    assert set(found) == {"all", "factoid", "tag:identifier"}
    row = found["all"]
    assert row["value"] == pytest.approx(sum(billed) / 60)
    assert row["low"] < row["value"] < row["high"]
    assert (row["n"], row["clusters"], row["missing_because"], row["interval_missing_because"]) == (80, 80, None, None)


def test_the_value_is_that_of_the_view_whatever_is_missing(settings):
    write_arm(settings, NAIVE, varied(1000), [1.0, None, 0.0, 1.0] * 20)
    value = estimates(settings)["all"]["value"]
    publish(settings)
    _, rows = query_rows(
        settings, "select value from quality_summary where metric = 'tokens_per_correct' and query_type = 'all'"
    )
    assert rows == [(pytest.approx(value),)]


@pytest.mark.parametrize(
    ("billed", "passed", "because"),
    [
        ([100, 200], [0.0, 0.0], "no_correct"),
        ([100, 200], [None, None], "no_gold"),
        ([100, None], [1.0, 1.0], "no_usage"),
        ([0, 0], [1.0, 1.0], "no_model_call"),
    ],
)
def test_without_a_value_there_is_the_reason(settings, billed, passed, because):
    write_arm(settings, NAIVE, billed, passed)
    row = estimates(settings)["all"]
    assert (row["value"], row["missing_because"], row["interval_missing_because"]) == (None, because, because)


def test_an_arm_without_a_model_saves_nothing(settings):
    write_arm(settings, NAIVE, varied(1000), PASSED)
    write_arm(settings, "k.extractive", [0] * 80, PASSED)
    compare_arms(settings, "k", SUITE)
    publish(settings)
    saved = (
        "select reduction_pct, reduction_of_totals_pct, claimable from token_efficiency where agent = 'all' and arm = "
    )
    assert query_rows(settings, f"{saved} 'extractive'")[1] == [(None, None, False)]
    correct = "select value, missing_because from quality_summary where metric = 'tokens_per_correct' and run_id = "
    assert set(query_rows(settings, f"{correct} 'k.extractive'")[1]) == {(None, "no_model_call")}


def test_queries_about_one_document_give_no_interval(settings):
    write_arm(settings, NAIVE, varied(1000, 19), [1.0, *[0.0] * 18], rows={"cluster_id": "d1"})
    row = estimates(settings)["all"]
    assert (row["low"], row["high"], row["interval_missing_because"]) == (None, None, "n_too_small")
    assert row["value"] == sum(varied(1000, 19))
