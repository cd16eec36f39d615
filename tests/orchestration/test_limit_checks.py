"""Limits as asset checks: the number next to its bound."""

from dagster_project.alert_metadata import limit_check_result
from docmind_core.measurements.limit_results import LimitResult
from docmind_core.measurements.limit_values import measure_limits
from docmind_core.metrics.limits import find_limit
from docmind_core.statistics.estimates import Estimate
from tests.alerts.builders import make_suite, plant_night


def judged(settings, overhead_s, **changes):
    key = plant_night(settings, 0, overhead_s)
    by_name = {}
    for result in measure_limits(settings.tables, key, make_suite(**changes)):
        by_name.setdefault(result.limit.name, []).append(result)
    return {name: check(results) for name, results in by_name.items() if results[0].state != "not judged"}


def check(results):
    return limit_check_result(results, asset_key="limits", check_name="limit_x")


def made(name="reduction_pct_min", *, agent="all", limit=40.0, notes=(), **measured):
    return LimitResult(
        run_id="r.tuned", limit=find_limit(name), set_to=limit, agent=agent, measured=Estimate(**measured), notes=notes
    )


def test_a_p95_of_too_few_values_is_undecided_and_its_number_is_not_shown(settings):
    result = judged(settings, 9.0)["coordination_overhead_p95_s"]
    assert result.passed
    assert result.description == "undecided: too few values (coordination_overhead_p95_s, single_pass, n 20)"
    assert "value" not in result.metadata
    assert result.metadata["n"].value == 20


def test_what_was_not_measured_does_not_warn_and_says_first_that_there_is_no_data(settings):
    """S12: upstream called it a success; here its state is `not measured`, and no limit counts it as met."""
    results = judged(settings, None)
    memory = results["vram_process_peak_gb"]
    assert memory.passed
    assert memory.description.startswith("no data: no device sample (vram_process_peak_gb, single_pass, n 0, KV")
    assert results["coordination_overhead_p95_s"].metadata["no_data_because"].value == "resumed"


def test_what_is_undecided_and_what_is_met_differ_in_their_first_word():
    undecided, met = made(value=42.0, low=38.0, high=46.0, n=320), made(value=45.0, low=41.0, high=46.0, n=320)
    assert [check([result]).description.partition(":")[0] for result in (undecided, met)] == ["undecided", "met"]
    assert check([undecided, met]).passed
    assert check([met]).metadata["report_page"].value == "/reports/r/index.html"


def test_a_peak_has_no_interval_and_is_shown_with_the_cache_and_the_preemptions():
    notes = ("highest KV cache usage 35 %", "0 preemptions")
    result = check([made("vram_process_peak_gb", limit=15.0, value=20.4, n=90, notes=notes)])
    assert result.description == (
        "missed: 20.4, limit at most 15, n 90, vram_process_peak_gb, tuned, highest KV cache usage 35 %, 0 preemptions"
    )


def test_the_worst_state_represents_the_limit_not_the_largest_number():
    name = "agent_latency_p95_s"
    proved = made(name, agent="planner", limit=2.0, value=2.6, low=2.1, high=3.0, n=200)
    large = made(name, agent="router", limit=2.0, value=9.0, low=1.9, high=20.0, n=131)
    assert check([large, proved]).description.startswith("missed: 2.6 ")


def test_a_limit_that_no_one_set_has_no_check_at_all(settings):
    assert "pass_ratio_min" not in judged(settings, 1.0)
    assert "pass_ratio_min" in judged(settings, 1.0, limits={"pass_ratio_min": 0.5})


def test_a_broken_limit_warns(settings):
    """S12: value, interval and n are shown."""
    result = judged(settings, 1.0, limits={"pass_ratio_min": 0.5, "coordination_overhead_p95_s": 0.5})
    assert result["pass_ratio_min"].description.startswith("no data: not scored yet")
    check_of_reduction = check([made(value=10.0, low=5.0, high=15.0, n=320)])
    assert (check_of_reduction.passed, check_of_reduction.severity.value) == (False, "WARN")
    assert check_of_reduction.description == (
        "missed: 10 (95 % interval 5 to 15), limit at least 40, n 320, reduction_pct_min, tuned"
    )
