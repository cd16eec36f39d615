"""`tuned` against its opponents: the table, the front and the picture."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.reports.charts import trade_off_chart
from docmind_core.reports.opponents import TradeOff, pareto_front
from docmind_core.statistics.estimates import Estimate


def point(arm, tokens, quality):
    return TradeOff(arm=arm, tokens=Estimate(value=tokens, n=8), quality=Estimate(value=quality, n=8))


def front(*points):
    return [each.arm for each in pareto_front(points)]


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        ([point("one", 400, 0.5), point("many", 900, 0.7)], ["one", "many"]),
        ([point("one", 400, 0.5), point("many", 900, 0.5)], ["one"]),
        ([point("one", 400, 0.5), point("many", 400, 0.7)], ["many"]),
        ([point("floor", 0, 0.4), point("one", 400, 0.5), point("many", 900, 0.7)], ["one", "many"]),
        ([point("floor", 0, 0.6), point("one", 400, 0.5), point("many", 900, 0.7)], ["many"]),
        ([point("floor", 0, 0.8), point("one", 400, 0.5)], []),
        ([], []),
    ],
)
def test_the_front_holds_the_arms_with_a_model_that_none_beats_in_both_above_the_floor(points, wanted):
    assert front(*points) == wanted


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=8))
def test_no_arm_of_the_front_is_beaten_and_every_other_one_is(values):
    points = [point(str(place), tokens, quality / 9) for place, (tokens, quality) in enumerate(values)]
    chosen = pareto_front(points)

    def beaten(one):
        return any(
            other.tokens.value <= one.tokens.value
            and other.quality.value >= one.quality.value
            and (other.tokens.value, other.quality.value) != (one.tokens.value, one.quality.value)
            for other in points
        )

    assert not any(beaten(each) for each in chosen)
    kept = {(each.tokens.value, each.quality.value) for each in chosen}
    assert all(beaten(each) or (each.tokens.value, each.quality.value) in kept for each in points)


def test_the_picture_names_every_arm_its_front_and_the_floor():
    points = {
        "tuned": (Estimate(value=450, low=430, high=470, n=8), Estimate(value=0.6, low=0.4, high=0.8, n=8)),
        "extractive": (Estimate(value=0, n=8), Estimate(value=0.3, low=0.1, high=0.5, n=8)),
    }
    svg = trade_off_chart(points, front=["tuned"], floor="extractive", description="passed against tokens")

    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    assert {"tuned", "extractive (floor, no tokens)", "Pareto front", "share of queries that passed"} <= texts
    assert svg.startswith('<svg role="img" aria-label="passed against tokens"')
    assert svg == trade_off_chart(points, front=["tuned"], floor="extractive", description="passed against tokens")
