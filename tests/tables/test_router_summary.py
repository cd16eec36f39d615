"""The view `router_summary`: who routed, how right, and whether the confidences mean anything (S39, S46)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_query_run_row, make_score_row, write_rows


def decision(number, confidence, **changes):
    decided_by = "model" if confidence is None else "rules"
    return {
        "query_id": f"q{number}",
        "replicate": 0,
        "decision": 1,
        "level": "balanced",
        "strategy": "keyword_search",
        "rule_strategy": "keyword_search",
        "agrees": True if decided_by == "model" else None,
        "confidence": confidence,
        "decided_by": decided_by,
        "reasoning": "",
        "analysis_s": 0.5,
        **changes,
    }


def write(settings, confidences, right, *, phase="measured", **more):
    write_rows(
        settings,
        {
            "query_runs": [make_query_run_row(f"q{number}", phase=phase) for number in range(len(confidences))],
            "route_decisions": [decision(number, value) for number, value in enumerate(confidences)],
            "measurements": [
                make_score_row(
                    metric, value if metric == "router_accuracy_ratio" or value is None else 1.0 - value, f"q{n}"
                )
                for n, value in enumerate(right)
                for metric in ("router_accuracy_ratio", "router_regret")
            ],
            **more,
        },
    )


def summary(settings, *columns):
    _, rows = query_segments(settings.tables, [RUN_ID], f"select {', '.join(columns)} from router_summary", {})
    return rows[0] if rows else None


def reference(confidences, right):
    """ECE over ten bins of equal mass, equal confidences together, in numpy."""
    confidence, correct = np.array(confidences), np.array(right)
    order = np.sort(confidence)
    place = np.searchsorted(order, confidence, side="left")
    bins = place * 10 // len(confidence)
    gaps = [
        (bins == each).mean() * abs(confidence[bins == each].mean() - correct[bins == each].mean())
        for each in np.unique(bins)
    ]
    return float(sum(gaps))


def test_the_calibration_error_worked_by_hand(settings):
    """S39: 20 decisions at 0.8, 10 right; 10 at 0.9, all right: (20 * 0.3 + 10 * 0.1) / 30."""
    write(settings, [0.8] * 20 + [0.9] * 10, [1.0, 0.0] * 10 + [1.0] * 10)

    ece, because, n = summary(settings, "router_ece", "ece_missing_because", "n_calibrated")
    assert (ece, because, n) == (pytest.approx(7 / 30), None, 30)
    assert summary(settings, "router_accuracy_ratio", "router_regret") == (
        pytest.approx(20 / 30),
        pytest.approx(10 / 30),
    )


@hypothesis_settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0]), st.sampled_from([0.0, 1.0])),
        min_size=30,
        max_size=60,
    )
)
def test_the_calibration_error_is_that_of_a_reference_and_in_0_to_1(settings, rows):
    confidences, right = zip(*rows, strict=True)
    write(settings, list(confidences), list(right))

    (ece,) = summary(settings, "router_ece")
    assert ece == pytest.approx(reference(confidences, right))
    assert 0.0 <= ece <= 1.0


def test_sure_and_right_is_perfectly_calibrated(settings):
    write(settings, [1.0] * 30, [1.0] * 30)
    assert summary(settings, "router_ece") == (pytest.approx(0.0),)


@pytest.mark.parametrize(
    ("confidences", "right", "because"),
    [
        ([0.8] * 29, [1.0] * 29, "n_too_small"),
        ([None] * 40, [1.0] * 40, "n_too_small"),
        ([0.8] * 40, [None] * 40, "no_gold"),
    ],
)
def test_without_thirty_confidences_there_is_no_calibration_error(settings, confidences, right, because):
    write(settings, confidences, right)
    assert summary(settings, "router_ece", "ece_missing_because") == (None, because)


def test_who_decided_is_counted(settings):
    write(
        settings,
        [None, None, 0.9, None],
        [1.0, 0.0, 1.0, None],
        route_decisions=[
            decision(0, None, decision=1, agrees=False),
            decision(0, None, decision=2),
            decision(1, None, agrees=False),
            decision(2, 0.9, fell_back_because="deadline"),
            decision(3, None, decided_by="suite", agrees=None, fell_back_because="not_open"),
        ],
    )
    counts = summary(settings, "decisions", "by_rules", "by_model", "by_suite", "fell_back", "n_scored")
    assert counts == (4, 1, 2, 1, 2, 3)
    assert summary(settings, "agreement_ratio", "analysis_p50_s") == (0.5, 0.5)


def test_warm_up_is_left_out_and_a_run_that_does_not_route_has_no_row(settings):
    write(settings, [0.8], [1.0], phase="warmup")
    assert summary(settings, "decisions") is None
