import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.limits import JudgedLimit, Measured, judge_limits
from docmind_core.reports.scorecard import Letter, dimension_letters, overall_letter


def judged(name: str, limit: float, measured: Measured | None) -> JudgedLimit:
    metric = name.removesuffix("_min")
    return judge_limits({name: limit}, {} if measured is None else {metric: measured})[0]


def at(low: float, high: float) -> Measured:
    return Measured(value=(low + high) / 2, low=low, high=high, n=200)


@pytest.mark.parametrize(
    ("name", "limit", "measured", "state"),
    [
        ("agent_latency_p95_s", 2.0, at(1.5, 2.0), "met"),
        ("agent_latency_p95_s", 2.0, at(1.5, 2.1), "undecided"),
        ("agent_latency_p95_s", 2.0, at(2.0, 2.1), "undecided"),
        ("agent_latency_p95_s", 2.0, at(2.1, 2.2), "missed"),
        ("reduction_pct_min", 40, at(40, 50), "met"),
        ("reduction_pct_min", 40, at(39, 50), "undecided"),
        ("reduction_pct_min", 40, at(30, 40), "undecided"),
        ("reduction_pct_min", 40, at(30, 39.9), "missed"),
    ],
)
def test_a_limit_is_decided_by_the_whole_interval(name, limit, measured, state):
    """S12, S66: a limit is one-sided and met only by its whole interval."""
    assert judged(name, limit, measured).state == state


def test_a_value_without_an_interval_is_undecided():
    row = judged("agent_latency_p95_s", 2.0, Measured(value=1.0, n=3))
    assert (row.state, row.because) == ("undecided", "n_too_small")


def test_too_small_a_sample_is_undecided_and_any_other_gap_not_measured():
    assert judged("agent_latency_p95_s", 2.0, Measured(because="n_too_small")).state == "undecided"
    missing = judged("agent_latency_p95_s", 2.0, Measured(because="resumed"))
    assert (missing.state, missing.because) == ("not measured", "resumed")


def test_a_metric_nobody_took_and_one_nobody_knows_never_pass():
    """S12: "success if not measured" was upstream's rule."""
    assert (judged("good_ratio_min", 0.99, None).state, judged("good_ratio_min", 0.99, None).because) == (
        "not measured",
        "not taken in this run",
    )
    assert judged("wizardry", 1.0, None).because == "unknown metric"


def test_a_peak_is_its_own_interval():
    assert judged("vram_process_peak_gb", 15.0, Measured(value=15.0)).state == "met"
    assert judged("vram_process_peak_gb", 15.0, Measured(value=15.1)).state == "missed"


def test_headroom_is_positive_inside_and_negative_outside():
    assert judged("agent_latency_p95_s", 2.0, at(1.4, 1.6)).headroom_pct == pytest.approx(25.0)
    assert judged("agent_latency_p95_s", 2.0, at(2.9, 3.1)).headroom_pct == pytest.approx(-50.0)
    assert judged("reduction_pct_min", 40.0, at(50, 50)).headroom_pct == pytest.approx(25.0)
    assert judged("coordination_overhead_p95_s", 0.0, at(1, 1)).headroom_pct is None
    assert judged("agent_latency_p95_s", 2.0, None).headroom_pct is None


MET, UNSURE, OVER, GONE = at(0, 1), at(0, 3), at(3, 4), Measured(because="no_gpu")


@pytest.mark.parametrize(
    ("hard", "soft", "letter"),
    [
        (MET, MET, "A"),
        (MET, UNSURE, "B"),
        (MET, GONE, "B"),
        (UNSURE, MET, "B"),
        (MET, OVER, "C"),
        (UNSURE, OVER, "C"),
        (GONE, MET, "incomplete"),
        (GONE, OVER, "incomplete"),
        (OVER, GONE, "D"),
    ],
)
def test_the_first_rule_that_fits_gives_the_letter(hard, soft, letter):
    """S66: "incomplete" when a hard limit was not measured."""
    limits = {"context_utilisation_ratio": 2.0, "agent_latency_p95_s": 2.0}
    rows = judge_limits(limits, {"context_utilisation_ratio": hard, "agent_latency_p95_s": soft})
    assert overall_letter(rows, plumbing=False).letter == letter


def test_the_letter_names_what_decided_it():
    rows = judge_limits({"agent_latency_p95_s": 2.0}, {"agent_latency_p95_s": OVER})
    assert overall_letter(rows, plumbing=False) == Letter(letter="C", because="limit missed: agent_latency_p95_s")


def test_no_limits_give_no_letter():
    assert overall_letter((), plumbing=False) == Letter(letter=None, because="the suite sets no limits")


def test_a_plumbing_model_gets_no_quality_and_no_overall_letter():
    rows = judge_limits(
        {"pass_ratio_min": 0.8, "agent_latency_p95_s": 2.0}, {"pass_ratio": at(0.9, 1.0), "agent_latency_p95_s": MET}
    )
    letters = dimension_letters(rows, plumbing=True)
    assert {name: letter.letter for name, letter in letters.items()} == {"quality": None, "latency": "A"}
    assert overall_letter(rows, plumbing=True).because == "the model only checks the plumbing"


@given(ends=st.tuples(st.floats(-10, 10), st.floats(-10, 10)), limit=st.floats(-10, 10))
def test_every_interval_has_exactly_one_state(ends, limit):
    low, high = sorted(ends)
    row = judged("agent_latency_p95_s", limit, Measured(value=low, low=low, high=high))
    assert row.state == ("met" if high <= limit else "missed" if low > limit else "undecided")
