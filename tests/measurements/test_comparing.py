import json
import math

import pytest
from statsmodels.stats.multitest import multipletests

from docmind_core.errors import StoreError
from docmind_core.measurements.comparing import GATING
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment, write_segment
from tests.builders import (
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)
from tests.measurements.written_arms import NAIVE, SINGLE, SUITE, TUNED, compare, varied, write_arm


def test_half_the_tokens_on_every_query(settings):
    write_arm(settings, NAIVE, [100, 200, 400])
    write_arm(settings, TUNED, [40, 100, 250])
    row = compare(settings)
    # logs of 0.4, 0.5, 0.625: their mean is log(0.5)
    assert row["delta"] == pytest.approx(math.log(0.5))
    assert row["ratio_of_totals"] == pytest.approx(390 / 700)
    assert (row["n"], row["n_left_out"], row["clusters"]) == (3, 0, 3)
    assert (row["baseline_value"], row["candidate_value"]) == pytest.approx((700 / 3, 130))
    assert row["delta_low"] < row["delta"] < row["delta_high"] < 0
    assert row["verdict"] == "better"


def test_the_bill_has_its_own_interval(settings):
    """S20: the ratio of the sums, with an interval."""
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    row = compare(settings)
    assert 0.28 < row["ratio_of_totals_low"] < row["ratio_of_totals"] < row["ratio_of_totals_high"] < 0.33


def test_a_query_without_tokens_in_one_arm_leaves_the_pairs_and_is_counted(settings):
    write_arm(settings, NAIVE, [100, None, 100, 100])
    write_arm(settings, TUNED, [50, 50, 0, 50])
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["candidate_value"]) == (2, 2, 50)


def test_a_query_that_cost_one_arm_nothing_is_in_the_bill(settings):
    """Zero has no logarithm, but the baseline paid for it: only what is unknown leaves the sums."""
    write_arm(settings, NAIVE, [None, 100, 300, 100])
    write_arm(settings, TUNED, [50, 50, 0, 50])
    row = compare(settings)
    assert row["delta"] == pytest.approx(math.log(0.5))
    assert row["ratio_of_totals"] == pytest.approx(100 / 500)


def test_queries_that_cost_one_arm_nothing_are_in_the_interval_of_the_bill(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, [0, 0, 0, 0, *varied(300)[4:]])
    row = compare(settings)
    assert row["ratio_of_totals_low"] < row["ratio_of_totals"] < row["ratio_of_totals_high"]
    assert row["ratio_of_totals"] == pytest.approx(sum(varied(300)[4:]) / sum(varied(1000)))


def test_the_interval_of_the_bill_is_over_documents_not_queries(settings):
    def width(documents):
        for run_id, mean in ((NAIVE, 1000), (TUNED, 300)):
            write_arm(settings, run_id, varied(mean))
            rows = read_segment(settings.tables, "query_runs", run_id)
            for place, row in enumerate(rows):
                row["cluster_id"] = f"d{place % documents}"
            write_segment(settings.tables, "query_runs", run_id, rows)
        row = compare(settings)
        return None if row["ratio_of_totals_low"] is None else row["ratio_of_totals_high"] - row["ratio_of_totals_low"]

    assert width(1) is None
    assert width(5) > 1.5 * width(80)


@pytest.mark.parametrize(("naive", "tuned"), [("unknown", "reset"), ("reset", None)])
def test_computed_tokens_are_not_compared_where_the_state_of_the_prefix_cache_is_unknown(settings, naive, tuned):
    computed = {"prefill_computed_tokens": 50}
    write_arm(settings, NAIVE, [100, 200], rows=computed, run={"prefix_cache_state": naive})
    write_arm(settings, TUNED, [50, 100], rows=computed, run={"prefix_cache_state": tuned})
    row = compare(settings, metric="computed_tokens")
    assert (row["n"], row["n_left_out"], row["because"]) == (0, 2, "not_exclusive_cache")
    figures = ("delta", "delta_low", "ratio_of_totals", "ratio_of_totals_low", "candidate_value", "p")
    figures += ("all_delta", "all_delta_low", "worst_case_delta", "worst_case_delta_high")
    assert [row[name] for name in figures] == [None] * len(figures)
    assert compare(settings)["n"] == 2
    by_type = compare(settings, metric="computed_tokens", kind="factoid")
    assert (by_type["delta"], by_type["because"]) == (None, "not_exclusive_cache")


def test_replicates_are_averaged_before_pairing(settings):
    write_arm(settings, NAIVE, [100, 100])
    names = ("q000", "q000", "q001", "q001")
    write_rows(
        settings,
        {
            "runs": [make_run_row(TUNED)],
            "query_runs": [
                make_query_run_row(name, billed_tokens=tokens, replicate=place % 2)
                for place, (name, tokens) in enumerate(zip(names, (20, 80, 50, None), strict=True))
            ],
            "measurements": [
                make_score_row("passed", float(place % 2), name, replicate=place % 2)
                for place, name in enumerate(names)
            ],
        },
        TUNED,
    )
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["candidate_value"]) == (1, 1, 50)
    assert compare(settings, metric="passed")["candidate_value"] == 0.5


def test_queries_of_one_document_are_one_cluster(settings):
    write_arm(settings, NAIVE, [100, 110, 120, 130], rows={"cluster_id": "d1"})
    write_arm(settings, TUNED, [50, 50, 50, 50], rows={"cluster_id": "d1"})
    row = compare(settings)
    assert (row["clusters"], row["delta_low"], row["verdict"]) == (1, None, "inconclusive")


def test_warm_up_is_left_out(settings):
    write_arm(settings, NAIVE, [100, 100])
    write_arm(settings, TUNED, [50, 50], rows={"phase": "warmup"})
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["delta"]) == (0, 2, None)
    assert row["left_out_because"] == "2 not asked in tuned"
    assert row["because"] == "tuned did not run (0 of 0 queries were answered)"


def test_computed_tokens_leave_out_what_the_prefix_cache_gave(settings):
    write_arm(settings, NAIVE, [100, 100], rows={"prefill_computed_tokens": 99})
    write_arm(settings, TUNED, [100, 100], rows={"prefill_computed_tokens": 24})
    row = compare(settings, metric="computed_tokens")
    assert (row["baseline_value"], row["candidate_value"]) == (100, 25)
    assert row["ratio_of_totals"] == 0.25


def test_each_arm_is_compared_with_both_baselines_but_not_with_itself(settings):
    for run_id in (NAIVE, TUNED, SINGLE):
        write_arm(settings, run_id, [100, 200])
    compare_arms(settings, "k", SUITE)
    publish(settings)
    _, rows = query_rows(settings, "select distinct candidate_run_id, baseline_run_id from comparisons order by all")
    assert rows == [(NAIVE, SINGLE), (SINGLE, NAIVE), (TUNED, NAIVE), (TUNED, SINGLE)]


def test_query_types_are_compared_too(settings):
    write_arm(settings, NAIVE, [100, 200])
    write_arm(settings, TUNED, [50, 100])
    assert compare(settings, kind="factoid")["n"] == 2


def test_pass_and_fail_are_tested_by_mcnemar_with_the_interval_of_tango(settings):
    write_arm(settings, NAIVE, varied(1000, 40), [0.0] * 40)
    write_arm(settings, TUNED, varied(300, 40), [1.0] * 6 + [0.0] * 34)
    row = compare(settings, metric="passed")
    assert row["p"] == pytest.approx(2 * 0.5**6)
    assert row["p_holm"] == pytest.approx(2 * 0.5**6)
    assert row["mde"] == pytest.approx(2.8016 * math.sqrt(6 / 40 / 40), abs=1e-4)
    assert (row["delta"], row["verdict"]) == (0.15, "better")
    assert (row["estimator"], compare(settings)["estimator"]) == ("tango", "cr2_mean_of_logs")
    assert compare(settings, metric="token_f1")["p_holm"] is None


def test_arms_compared_with_the_same_baseline_are_one_family(settings):
    write_arm(settings, NAIVE, varied(1000, 40), [0.0] * 40)
    write_arm(settings, SINGLE, varied(300, 40), [1.0] * 7 + [0.0] * 33)
    write_arm(settings, TUNED, varied(300, 40), [1.0] * 6 + [0.0] * 34)
    row = compare(settings, metric="passed")
    assert (row["p"], row["p_holm"]) == (pytest.approx(2 * 0.5**6), pytest.approx(2 * 0.5**6))
    assert compare(settings, metric="passed", candidate=SINGLE)["p_holm"] == pytest.approx(4 * 0.5**7)


def test_comparing_again_gives_the_same_rows(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    assert compare(settings) == compare(settings)


def test_an_arm_that_was_not_scored_is_named(settings):
    write_rows(settings, {"query_runs": [make_query_run_row()]}, TUNED)
    with pytest.raises(StoreError, match=f"run {TUNED} is not scored yet"):
        compare_arms(settings, "k", SUITE)


def test_a_benchmark_run_without_arms_is_named(settings):
    with pytest.raises(StoreError, match="no finished arm"):
        compare_arms(settings, "k", SUITE)


def test_tags_are_slices_next_to_the_types(settings):
    """Identifiers and paraphrases are where searches differ."""
    tags = {"tags": json.dumps(["identifier", "paraphrase"])}
    write_arm(settings, NAIVE, [100, 200], rows=tags)
    write_arm(settings, TUNED, [50, 100], rows=tags)
    assert compare(settings, kind="tag:identifier")["n"] == 2
    assert compare(settings, kind="tag:paraphrase")["n"] == 2


def test_what_explores_shares_one_correction_and_what_decides_another(settings):
    write_arm(settings, NAIVE, varied(1000, 40), [0.0] * 40)
    write_arm(settings, TUNED, varied(300, 40), [1.0] * 6 + [0.0] * 34)
    compare_arms(settings, "k", SUITE)
    rows = read_segment(settings.tables, "comparisons", TUNED)
    deciding = [row for row in rows if row["metric"] in GATING and row["slice"] == "all"]
    assert [row["p_fdr"] for row in deciding] == [None] * 3
    exploring = [row for row in rows if row not in deciding and row["p"] is not None]
    assert [row["p_holm"] for row in exploring] == [None] * len(exploring)
    expected = multipletests([row["p"] for row in exploring], method="fdr_bh")[1]
    assert [row["p_fdr"] for row in exploring] == pytest.approx(list(expected))


@pytest.mark.parametrize(("before", "after", "verdict"), [(1.0, 0.0, "better"), (0.0, 1.0, "worse")])
def test_abstaining_less_where_the_documents_answer_is_better(settings, before, after, verdict):
    write_arm(settings, NAIVE, [100] * 40, [before] * 40, metrics=("over_abstention",))
    write_arm(settings, TUNED, [100] * 40, [after] * 40, metrics=("over_abstention",))
    row = compare(settings, metric="over_abstention")
    assert (row["delta"], row["verdict"]) == (after - before, verdict)


def test_a_query_that_a_ratio_is_not_over_is_not_left_out_of_it(settings):
    scores = {"score": {"missing_because": None}, "metrics": ("abstention_recall",)}
    write_arm(settings, NAIVE, [100, 100], [1.0, 1.0], **scores)
    write_arm(settings, TUNED, [100, 100], [0.0, 0.0], **scores)
    for run_id in (NAIVE, TUNED):
        rows = read_segment(settings.tables, "measurements", run_id)
        rows[1] |= {"value": None, "missing_because": "zero_denominator"}
        write_segment(settings.tables, "measurements", run_id, rows)
    row = compare(settings, metric="abstention_recall")
    assert (row["n"], row["n_left_out"]) == (1, 0)


def test_metrics_that_no_one_scored_have_no_row(settings):
    write_arm(settings, NAIVE, [100])
    write_arm(settings, TUNED, [100])
    compare_arms(settings, "k", SUITE)
    assert {row["metric"] for row in read_segment(settings.tables, "comparisons", TUNED)} == {
        *("billed_tokens", "computed_tokens", "passed", "good_ratio", "exact_match", "token_f1", "evidence_recall"),
    }
