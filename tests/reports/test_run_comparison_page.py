"""Rows of `comparisons` in words: each metric in its own unit."""

import math

import pytest

from docmind_core.reports.run_comparison_page import cells


def row(metric, before, now, delta):
    ends = {"delta_low": delta, "delta_high": delta, "mde": None, "verdict": "worse", "because": "x", "n": 9}
    return {
        "metric": metric,
        "agent": "all",
        "slice": "all",
        "baseline_value": before,
        "candidate_value": now,
        **ends,
    } | {"delta": delta}


@pytest.mark.parametrize(
    ("metric", "before", "now", "delta", "shown"),
    [
        ("billed_tokens", 1000.0, 1100.0, math.log(1.1), ("1,000", "1,100", "+10.0 %", "10.0 to 10.0")),
        ("passed", 0.7, 0.6, -0.1, ("0.70", "0.60", "−10.0 points", "−10.0 to −10.0")),
        ("calls", 2.0, 3.0, 1.0, ("2", "3", "+1", "1 to 1")),
        ("wall_s", 1.0, 1.25, 0.25, ("1 s", "1.25 s", "+250 ms", "250 ms to 250 ms")),
        ("my_tokens", 0.351, 0.5, 0.149, ("0.351", "0.5", "+0.149", "0.149 to 0.149")),
        ("answer_s", 0.00351, 0.005, 0.00149, ("0.00351", "0.005", "+0.00149", "0.00149 to 0.00149")),
    ],
)
def test_a_difference_has_the_unit_of_its_metric_and_a_users_own_is_taken_for_no_other(
    metric, before, now, delta, shown
):
    assert cells(row(metric, before, now, delta))[3:7] == shown
