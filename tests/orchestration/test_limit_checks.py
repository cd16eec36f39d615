"""Limits as asset checks: the number beside its bound."""

from dagster_project.alert_metadata import limit_check_result
from docmind_core.measurements.limit_values import measure_limits
from tests.alerts.builders import make_suite, plant_night


def judged(settings, overhead_s, **changes):
    key = plant_night(settings, 0, overhead_s)
    values = measure_limits(settings.tables, key, make_suite(**changes))
    results = {}
    for name in ("coordination_overhead_p95_s", "vram_process_peak_gb", "pass_ratio_min"):
        of_limit = [value for value in values if value.name == name]
        results[name] = limit_check_result(name, of_limit, asset_key="metrics_database", check_name=f"limit_{name}")
    return results


def test_a_value_without_an_interval_is_undecided_and_shows_its_number(settings):
    result = judged(settings, 9.0)["coordination_overhead_p95_s"]
    assert result.passed
    assert result.description == ("undecided: 9 (no interval), limit at most 2, n 1, single_pass; n_too_small")
    assert (result.metadata["value"].value, result.metadata["limit"].value, result.metadata["n"].value) == (9.0, 2.0, 1)


def test_no_data_says_so_with_its_reason(settings):
    results = judged(settings, None)
    assert results["vram_process_peak_gb"].description == "no data: not_sampled (single_pass, n 0)"
    assert results["coordination_overhead_p95_s"].metadata["no_data_because"].value == "resumed"


def test_a_limit_that_the_suite_does_not_set_is_not_judged(settings):
    assert judged(settings, 1.0)["pass_ratio_min"].description == "the suite does not set this limit"


def test_a_broken_limit_warns(settings):
    """S12: value, interval and n are shown."""
    result = judged(settings, 1.0, limits={"pass_ratio_min": 0.5, "coordination_overhead_p95_s": 0.5})
    assert result["pass_ratio_min"].description.startswith("no data: no_gold")
    from docmind_core.measurements.limit_values import LimitValue
    from docmind_core.measurements.limits import Measured

    broken = LimitValue(
        name="reduction_pct_min", limit=40.0, is_minimum=True, run_id="r.tuned", arm="tuned", agent=None,
        measured=Measured(value=10.0, low=5.0, high=15.0, n=320),
    )  # fmt: skip
    check = limit_check_result("reduction_pct_min", [broken], asset_key="metrics_database", check_name="limit")
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert check.description == "missed: 10 (95 % interval 5 to 15), limit at least 40, n 320, tuned"
