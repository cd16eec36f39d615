from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.grades import Letter, dimension_letters, overall_letter
from docmind_core.measurements.limit_results import LimitResult, limit_results_of
from docmind_core.metrics.limits import find_limit
from docmind_core.statistics.estimates import Estimate


def judged(name: str, limit: float | None, measured: Estimate, **changes: object) -> LimitResult:
    return LimitResult(run_id="k.tuned", limit=find_limit(name), set_to=limit, measured=measured, **changes)


def at(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=200)


def missing(because: str, n: int = 0) -> Estimate:
    return Estimate(value=None, n=n, because=because)


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
    row = judged("agent_latency_p95_s", 2.0, Estimate(value=1.0, n=3))
    assert (row.state, row.because) == ("undecided", "n_too_small")


def test_too_small_a_sample_is_undecided_and_any_other_gap_not_measured():
    assert judged("agent_latency_p95_s", 2.0, missing("n_too_small", 3)).state == "undecided"
    gone = judged("agent_latency_p95_s", 2.0, missing("resumed"))
    assert (gone.state, gone.because) == ("not measured", "resumed")


def test_a_peak_is_its_own_interval():
    assert judged("vram_process_peak_gb", 15.0, Estimate(value=15.0, n=60)).state == "met"
    assert judged("vram_process_peak_gb", 15.0, Estimate(value=15.1, n=60)).state == "missed"


def test_headroom_is_positive_inside_and_negative_outside():
    assert judged("agent_latency_p95_s", 2.0, at(1.4, 1.6)).headroom_pct == pytest.approx(25.0)
    assert judged("agent_latency_p95_s", 2.0, at(2.9, 3.1)).headroom_pct == pytest.approx(-50.0)
    assert judged("reduction_pct_min", 40.0, at(50, 50)).headroom_pct == pytest.approx(25.0)
    assert judged("reduction_pct_min", -20.0, at(-10, -10)).headroom_pct == pytest.approx(50.0)
    assert judged("reduction_pct_min", 0.0, at(1, 1)).headroom_pct is None
    assert judged("agent_latency_p95_s", 2.0, missing("resumed")).headroom_pct is None


MET, UNSURE, OVER, GONE = at(0, 1), at(0, 3), at(3, 4), missing("no_gpu")


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
    hard_limit = replace(find_limit("wall_s"), is_hard=True)
    rows = [replace(judged("wall_s", 2.0, hard), limit=hard_limit), judged("agent_latency_p95_s", 2.0, soft)]
    assert overall_letter(rows, plumbing=False).letter == letter


def test_no_letter_is_given_while_nothing_is_decided():
    """Five undecided limits were a B."""
    rows = [judged("agent_latency_p95_s", 2.0, UNSURE, agent=agent) for agent in ("router", "planner")]
    rows += [judged("reduction_pct_min", 2.0, UNSURE), judged("vram_process_peak_gb", 15.0, GONE)]
    assert overall_letter(rows, plumbing=False) == Letter(letter=None, because="none of 3 limits decided")


def test_what_only_an_alert_watches_is_in_no_letter():
    rows = [judged("good_ratio_min", 0.99, OVER, is_judged=False), judged("agent_latency_p95_s", 2.0, MET)]
    assert rows[0].state == "not judged"
    assert overall_letter(rows, plumbing=False).letter == "A"
    assert dimension_letters(rows, plumbing=False)["reliability"] == Letter(
        letter=None, because="the suite sets no limit"
    )


def test_a_cost_without_an_upper_end_can_be_missed_and_never_met():
    unbounded = Estimate(value=900.0, low=500.0, n=40, because="n_too_small")
    assert judged("tokens_per_correct", 400.0, unbounded).state == "missed"
    assert judged("tokens_per_correct", 600.0, unbounded).state == "undecided"


def test_a_row_of_the_table_is_read_back_as_it_was_written():
    results = (
        judged("agent_latency_p95_s", 2.0, Estimate(value=3.0, n=8, clusters=8), agent="router", p=0.02),
        judged("ndcg@10_min", 0.6, at(0.5, 0.7), notes=("one", "two")),
        judged("good_ratio_min", 0.99, at(0.9, 1.0), is_judged=False),
        judged("vram_process_peak_gb", 15.0, GONE),
        judged("context_utilisation_ratio", 0.9, at(0.1, 0.2), refused=2, near_ratio=0.3),
    )
    assert limit_results_of([result.row for result in results]) == results


def test_the_letter_names_what_decided_it():
    rows = [judged("agent_latency_p95_s", 2.0, OVER)]
    assert overall_letter(rows, plumbing=False) == Letter(letter="C", because="limit missed: agent_latency_p95_s")


def test_no_limits_give_no_letter():
    assert overall_letter((), plumbing=False) == Letter(letter=None, because="the suite sets no limit")


def test_a_plumbing_model_gets_no_quality_and_no_overall_letter():
    rows = [judged("pass_ratio_min", 0.8, at(0.9, 1.0)), judged("agent_latency_p95_s", 2.0, MET)]
    letters = dimension_letters(rows, plumbing=True)
    assert {name: letter.letter for name, letter in letters.items()} == {"quality": None, "latency": "A"}
    assert overall_letter(rows, plumbing=True).because == "a smoke-test model"


@given(ends=st.tuples(st.floats(-10, 10), st.floats(-10, 10)), limit=st.floats(-10, 10))
def test_every_interval_has_exactly_one_state(ends, limit):
    low, high = sorted(ends)
    row = judged("agent_latency_p95_s", limit, Estimate(value=low, low=low, high=high, n=200))
    assert row.state == ("met" if high <= limit else "missed" if low > limit else "undecided")
