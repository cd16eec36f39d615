"""Limits that a suite may set."""

import pytest
from pydantic import ValidationError

from docmind_core.errors import SettingsError, UsageError
from docmind_core.settings import read_channel_url
from docmind_core.suites.limits import check_limits, effective_limits
from docmind_core.suites.suite import Suite


def suite(**changes):
    return Suite(name="toy", query_set="python-reference", **changes)


def test_the_guides_five_limits_are_the_defaults():
    """S59."""
    assert effective_limits({}) == {
        "agent_latency_p95_s": 2.0,
        "reduction_pct_min": 40.0,
        "context_utilisation_ratio": 0.90,
        "vram_process_peak_gb": 15.0,
        "coordination_overhead_p95_s": 0.5,
    }


def test_a_suite_overrides_a_default_and_adds_its_own():
    limits = effective_limits({"agent_latency_p95_s": 9.0, "pass_ratio_min": 0.8})
    assert (limits["agent_latency_p95_s"], limits["pass_ratio_min"], len(limits)) == (9.0, 0.8, 6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limits": {"wizardry": 1.0}}, "limits: there is no limit 'wizardry'. Known: agent_latency_p95_s, "),
        ({"limits": {"pass_ratio": 0.8}}, "Write pass_ratio_min"),
        ({"alerts": {"agent_latency": {"min_n": 8}}}, "alerts: there is no limit 'agent_latency'"),
        ({"alerts": {"reduction_pct_min": {"test": "binomtest"}}}, "Use one of: ci_bound, point"),
        (
            {"alerts": {"agent_latency_p95_s": {"test": "point", "min_n": 8}}},
            "alerts.agent_latency_p95_s.test: the point of a 95th percentile needs at least 20 values, and min_n is 8",
        ),
        ({"alerts": {"coordination_overhead_p95_s": {"test": "point"}}, "min_n": 19}, "Set min_n: 20"),
    ],
)
def test_what_nothing_here_knows_is_refused_by_name(changes, said):
    with pytest.raises(UsageError) as refused:
        check_limits(suite(**changes))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"alerts": {"agent_latency_p95_s": {"test": "point"}}},
        {"alerts": {"agent_latency_p95_s": {"test": "point", "min_n": 20}}, "min_n": 8},
        {"alerts": {"agent_latency_p95_s": {"test": "quantile_test", "min_n": 8}}},
        {"alerts": {"pass_ratio_min": {"test": "point", "min_n": 1}}},
    ],
)
def test_a_point_on_enough_values_and_one_on_no_percentile_are_taken(changes):
    check_limits(suite(**changes))


def test_a_url_in_the_place_of_a_channels_name_is_refused_and_not_repeated():
    with pytest.raises(ValidationError, match="DOCMIND_CHANNEL_<NAME>") as refused:
        suite(channels=["slack://token-a/token-b"])
    assert "token-a" not in str(refused.value)


def test_a_channels_url_comes_from_the_environment():
    assert read_channel_url("night-shift", {"DOCMIND_CHANNEL_NIGHT_SHIFT": " json://host/ "}) == "json://host/"
    with pytest.raises(SettingsError, match="export DOCMIND_CHANNEL_OPS"):
        read_channel_url("ops", {})
