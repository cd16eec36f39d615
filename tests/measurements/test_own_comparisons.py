"""A user's metric in the comparison of two runs."""

import json

import pytest

from docmind_core.reports.run_comparison_page import _scaled, _value_text
from tests.measurements.test_own_scorers import OWN
from tests.measurements.written_arms import NAIVE, TUNED, compare, varied, write_arm

FEW, MANY = [3.0 + place % 3 for place in range(80)], [9.0 + place % 4 for place in range(80)]


def write(settings, run_id, words, version="1+aa", **declared):
    own = OWN.model_copy(update=declared)
    manifest = json.dumps({"suite": {"metrics": [own.model_dump(mode="json")]}})
    write_arm(
        settings, run_id, varied(500), words, run={"manifest": manifest}, score={"scorer_version": version},
        metrics=("answer_words",),
    )  # fmt: skip


@pytest.mark.parametrize(("better", "verdict"), [("lower", "better"), ("higher", "worse"), ("none", "not_judged")])
def test_a_number_without_a_scale_is_judged_by_its_interval_in_the_direction_it_declares(settings, better, verdict):
    write(settings, TUNED, FEW, better=better)
    write(settings, NAIVE, MANY, better=better)
    row = compare(settings, metric="answer_words")
    assert (row["verdict"], row["n"], row["estimator"]) == (verdict, 80, "cr2_mean")
    assert row["delta"] == pytest.approx(sum(FEW) / 80 - sum(MANY) / 80)
    assert row["delta_low"] < row["delta"] < row["delta_high"] < 0
    assert "95 % interval of the difference" in row["because"]
    assert _scaled(row, row["delta"]) == f"−{-row['delta']:.3g}", "neither milliseconds nor points nor percent"
    assert _value_text(row, row["candidate_value"]) == f"{row['candidate_value']:.4g}"


def test_a_share_of_the_user_is_judged_as_every_share(settings):
    for run_id, passed in ((TUNED, 1.0), (NAIVE, 0.0)):
        write(settings, run_id, [passed] * 80, range="0 or 1", better="higher")
    row = compare(settings, metric="answer_words")
    assert (row["verdict"], row["estimator"]) == ("better", "tango")


@pytest.mark.parametrize(
    ("baseline", "because"),
    [
        ({"version": "1+bb"}, "scored by a different version of the formula (1+bb → 1+aa)"),
        ({"unit": "letters"}, "answer_words has a different unit, range or direction in the baseline"),
        ({"range": "any number"}, "answer_words has a different unit, range or direction in the baseline"),
    ],
)
def test_scores_of_two_formulas_are_never_subtracted(settings, baseline, because):
    write(settings, TUNED, FEW)
    write(settings, NAIVE, MANY, **baseline)
    row = compare(settings, metric="answer_words")
    assert (row["verdict"], row["because"], row["n"], row["delta"]) == ("not_judged", because, 0, None)


def test_a_metric_that_one_run_lacks_is_not_compared(settings):
    write(settings, TUNED, FEW)
    write_arm(settings, NAIVE, varied(500))
    with pytest.raises(ValueError, match="not enough values"):
        compare(settings, metric="answer_words")
