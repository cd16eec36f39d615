"""Limits that a suite may set."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from docmind_core.errors import SettingsError, SuiteError
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limit_problems import limit_problems
from docmind_core.metrics.limits import default_limits, find_limit, limit_names
from docmind_core.settings import read_channel_url
from docmind_core.suites.suite import Suite, parse_suite


def parsed(**changes):
    return parse_suite(json.dumps({"name": "toy", "query_set": "python-reference", **changes}), source="toy")


def test_the_guides_five_limits_are_the_defaults():
    """S59."""
    assert default_limits() == {
        "agent_latency_p95_s": 2.0,
        "reduction_pct_min": 40.0,
        "context_utilisation_ratio": 0.90,
        "vram_process_peak_gb": 15.0,
        "coordination_overhead_p95_s": 0.5,
    }


@pytest.mark.parametrize(
    ("name", "metric", "of", "statistic"),
    [
        ("ndcg@10_min", "ndcg@10", "ndcg@10", "mean"),
        ("token_f1_min", "token_f1", "token_f1", "mean"),
        ("exact_match_min", "exact_match", "exact_match", "share"),
        ("ttft_s", "ttft_s", "ttft_s", "mean"),
        ("ttft_p95_s", "ttft_p95_s", "ttft_s", "p95"),
        ("e2e_latency_p95_s", "e2e_latency_p95_s", "e2e_latency_s", "p95"),
        ("billed_p95_tokens", "billed_p95_tokens", "billed_tokens", "p95"),
        ("tokens_per_correct", "tokens_per_correct", "tokens_per_correct", "total"),
    ],
)
def test_any_metric_with_single_values_may_be_limited_under_its_own_name(name, metric, of, statistic):
    limit = find_limit(name)
    assert (limit.name, limit.metric, limit.of.name, limit.statistic) == (name, metric, of, statistic)


def test_every_name_offered_is_a_limit_of_a_metric_and_of_the_side_that_is_worse():
    for name in limit_names():
        limit = find_limit(name)
        assert limit.name == name
        assert limit.of.better != ("lower" if limit.is_minimum else "higher"), name
        assert limit.metric in METRICS or limit.statistic == "p95", name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limits": {"wizardry": 1.0}}, "limits.wizardry: there is no limit 'wizardry'. docs/metrics.md names the "),
        ({"limits": {"ndgc@10_min": 0.6}}, "Did you mean ndcg@10_min"),
        ({"limits": {"pass_ratio": 0.8}}, "higher is better. Write pass_ratio_min"),
        ({"limits": {"ttft_s_min": 0.8}}, "lower is better. Write ttft_s"),
        ({"limits": {"router_ece": 0.1}}, "'router_ece' has no mean, share or p95 to limit"),
        ({"alerts": {"agent_latency": {"min_n": 8}}}, "alerts.agent_latency: there is no limit 'agent_latency'"),
        ({"alerts": {"reduction_pct_min": {"test": "binomtest"}}}, "Use one of: ci_bound, point"),
        ({"alerts": {"ttft_s": {"min_n": 8}}}, "alerts.ttft_s: the suite sets no such limit"),
        (
            {"alerts": {"agent_latency_p95_s": {"test": "point", "min_n": 8}}},
            "alerts.agent_latency_p95_s.test: the point of a 95th percentile needs at least 20 values, and min_n is 8",
        ),
        ({"alerts": {"coordination_overhead_p95_s": {"test": "point"}}, "min_n": 19}, "Set min_n: 20"),
    ],
)
def test_what_nothing_here_knows_is_refused_by_name(changes, said):
    with pytest.raises(SuiteError) as refused:
        parsed(**changes)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"alerts": {"agent_latency_p95_s": {"test": "point"}}},
        {"alerts": {"agent_latency_p95_s": {"test": "point", "min_n": 20}}, "min_n": 8},
        {"alerts": {"agent_latency_p95_s": {"test": "quantile_test", "min_n": 8}}},
        {"limits": {"pass_ratio_min": 0.8}, "alerts": {"pass_ratio_min": {"test": "point", "min_n": 1}}},
    ],
)
def test_a_point_on_enough_values_and_one_on_no_percentile_are_taken(changes):
    parsed(**changes)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("pass_ratio_min", 80, "80 is outside 0 to 1; for 80 % write 0.8"),
        ("context_utilisation_ratio", 90, "90 is outside 0 to 1; for 90 % write 0.9"),
        ("ndcg@10_min", -0.1, "-0.1 is outside 0 to 1"),
        ("exact_match_min", 0, "at least 0 is always met"),
        ("pass_ratio_min", 1, "at least 1 is never met"),
        ("over_abstention", 0, "at most 0 is never met"),
        ("over_abstention", 1, "at most 1 is always met"),
        ("ttft_p95_s", -1.5, "at most -1.5 is never met: the range is 0 and above"),
        ("agent_latency_p95_s", 0, "at most 0 is never met"),
        ("decode_tps_min", 0, "at least 0 is always met: the range is above 0"),
        ("tokens_per_correct", 0, "at most 0 is never met"),
        ("reduction_pct_min", 140, "at least 140 is never met: the range is up to 100"),
        ("vram_process_peak_gb", 0, "at most 0 is never met"),
    ],
)
def test_a_value_that_is_always_or_never_met_is_refused(name, value, said):
    ((place, problem),) = limit_problems({name: value}, {})
    assert place == ("limits", name)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pass_ratio_min", 0.8),
        ("cache_misses", 0),
        ("reduction_pct_min", -20),
        ("ttft_s", 1e-3),
        ("est_error_ratio", 0),
    ],
)
def test_a_value_that_the_run_decides_is_taken(name, value):
    assert list(limit_problems({name: value}, {})) == []


@given(name=st.sampled_from(limit_names()), value=st.floats(allow_nan=True, allow_infinity=True))
def test_whatever_is_taken_lies_within_the_range_of_its_metric(name, value):
    if not list(limit_problems({name: value}, {})):
        low, high = find_limit(name).of.bounds
        assert low <= value <= high
        assert abs(value) < float("inf")


@pytest.mark.parametrize("value", ["yes", "true", ".nan", ".inf", "'0.8'"])
def test_what_is_not_a_number_is_refused_with_its_line(value):
    text = f"name: toy\nquery_set: python-reference\nlimits:\n  ttft_s: 1.5\n  pass_ratio_min: {value}\n"
    with pytest.raises(SuiteError, match=r"^toy.yaml:5: "):
        parse_suite(text, source="toy.yaml")


def test_each_bad_limit_of_a_file_is_named_on_its_own_line():
    text = "name: toy\nquery_set: python-reference\nlimits:\n  pass_ratio_min: 80\n  ttft_s: -1\n"
    with pytest.raises(SuiteError) as refused:
        parse_suite(text, source="toy.yaml")
    assert [line.partition(": ")[0] for line in str(refused.value).splitlines()] == ["toy.yaml:4", "toy.yaml:5"]


def test_a_url_in_the_place_of_a_channels_name_is_refused_and_not_repeated():
    with pytest.raises(ValidationError, match="DOCMIND_CHANNEL_<NAME>") as refused:
        Suite(name="toy", query_set="x", channels=["slack://token-a/token-b"])
    assert "token-a" not in str(refused.value)


def test_a_channels_url_comes_from_the_environment():
    assert read_channel_url("night-shift", {"DOCMIND_CHANNEL_NIGHT_SHIFT": " json://host/ "}) == "json://host/"
    with pytest.raises(SettingsError, match="export DOCMIND_CHANNEL_OPS"):
        read_channel_url("ops", {})
