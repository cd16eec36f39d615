"""The view `quality_summary`: means with clustered errors, and what has no value."""

import math

import pytest

from docmind_core.statistics.estimates import clustered_mean
from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_query_run_row, make_score_row, write_rows

COLUMNS = ("value", "standard_error", "n_defined", "n_total", "clusters", "missing_because")


def quality(settings, metric="exact_match", query_type="all"):
    sql = f"select {', '.join(COLUMNS)} from quality_summary where metric = $metric and query_type = $type"
    _, rows = query_segments(settings.tables, [RUN_ID], sql, {"metric": metric, "type": query_type})
    return rows[0] if rows else None


def write(settings, scores, queries, metric="exact_match"):
    write_rows(
        settings,
        {
            "query_runs": queries,
            "measurements": [
                make_score_row(metric, score, query["query_id"], replicate=query["replicate"])
                for score, query in zip(scores, queries, strict=True)
            ],
        },
    )


def test_the_mean_is_over_the_rows_with_a_value_and_both_counts_are_shown(settings):
    write(settings, [1.0, 0.0, None], [make_query_run_row(f"q{place}") for place in range(3)])
    # deviations +-0.5 in 2 clusters: sqrt((0.25 + 0.25) * 2 / 1) / 2 = 0.5
    assert quality(settings) == (0.5, 0.5, 2, 3, 2, None)


def test_the_standard_error_is_clustered(settings):
    queries = [make_query_run_row(f"q{place}", cluster_id=f"d{place // 2}") for place in range(4)]
    write(settings, [1.0, 1.0, 0.0, 0.0], queries)
    # sums of deviations +1 and -1: sqrt((1 + 1) * 2 / 1) / 4
    assert quality(settings) == (0.5, 0.5, 4, 4, 2, None)


def test_error_and_degrees_of_freedom_are_those_of_every_other_interval(settings):
    clusters, values = ["a", "a", "a", "b", "c", "c"], [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    write(settings, values, [make_query_run_row(f"q{at}", cluster_id=name) for at, name in enumerate(clusters)])
    sql = "select standard_error, freedom from quality_summary where metric = 'exact_match' and query_type = 'all'"
    (found,) = query_segments(settings.tables, [RUN_ID], sql)[1]
    expected = clustered_mean(values, clusters)
    assert found == pytest.approx((expected.standard_error, expected.freedom))


def test_replicates_of_a_query_are_one_cluster(settings):
    queries = [make_query_run_row(f"q{place // 2}", replicate=place % 2) for place in range(4)]
    write(settings, [1.0, 0.0, 1.0, 1.0], queries)
    value, error, n_defined, _, clusters, _ = quality(settings)
    assert (value, n_defined, clusters) == (0.75, 4, 2)
    assert error == pytest.approx(math.sqrt((0.5**2 + 0.5**2) * 2) / 4)


def test_one_cluster_has_no_standard_error(settings):
    write(settings, [1.0], [make_query_run_row()])
    assert quality(settings) == (1.0, None, 1, 1, 1, None)


def test_a_metric_without_any_value_says_why_by_the_commonest_reason(settings):
    queries = [make_query_run_row(f"q{place}") for place in range(3)]
    write_rows(
        settings,
        {
            "query_runs": queries,
            "measurements": [
                make_score_row("passed", None, "q0", missing_because="no_gold"),
                make_score_row("passed", None, "q1", missing_because="judge_disabled"),
                make_score_row("passed", None, "q2", missing_because="judge_disabled"),
            ],
        },
    )
    assert quality(settings, "passed") == (None, None, 0, 3, 0, "judge_disabled")
    assert quality(settings, "tokens_per_correct") == (None, None, 0, 3, None, "judge_disabled")


def test_each_query_type_has_its_row(settings):
    write(settings, [1.0, 0.0], [make_query_run_row("q1"), make_query_run_row("q2", query_type="comparison")])
    assert quality(settings, query_type="factoid")[0] == 1.0
    assert quality(settings, query_type="comparison")[0] == 0.0
    assert quality(settings)[0] == 0.5


def test_each_tag_has_its_row(settings):
    """A query may have several tags or none; NULL counts as none."""
    tags = ('["identifier", "paraphrase"]', '["identifier"]', "[]", None)
    queries = [make_query_run_row(f"q{place}", tags=tag, billed_tokens=10) for place, tag in enumerate(tags)]
    write(settings, [1.0, 0.0, 1.0, 1.0], queries, metric="passed")
    assert quality(settings, "passed", "tag:identifier")[:4] == (0.5, 0.5, 2, 2)
    assert quality(settings, "passed", "tag:paraphrase")[0] == 1.0
    assert quality(settings, "good_ratio", "tag:identifier")[3] == 2
    assert quality(settings, "tokens_per_correct", "tag:identifier")[0] == 20
    assert quality(settings, "passed")[3] == 4


def test_warm_up_is_left_out(settings):
    write(settings, [1.0, 0.0], [make_query_run_row("q1"), make_query_run_row("q2", phase="warmup")])
    assert quality(settings)[:4] == (1.0, None, 1, 1)


@pytest.mark.parametrize(
    ("scores", "billed", "expected"),
    [
        ([1.0, 0.0], (30, 50), (80.0, None, 2, 2, None, None)),
        ([0.0, 0.0], (30, 50), (None, None, 2, 2, None, "no_correct")),
        ([1.0, 1.0], (30, None), (None, None, 2, 2, None, "unreconciled")),
    ],
)
def test_tokens_per_correct_has_a_value_or_a_reason(settings, scores, billed, expected):
    queries = [
        make_query_run_row(f"q{place}", billed_tokens=tokens, tokens_missing_because=None if tokens else "unreconciled")
        for place, tokens in enumerate(billed)
    ]
    write(settings, scores, queries, metric="passed")
    assert quality(settings, "tokens_per_correct") == expected


def test_a_value_and_a_reason_never_stand_together_and_never_lack_both(settings):
    write(settings, [1.0, None], [make_query_run_row("q1"), make_query_run_row("q2", query_type="odd")])
    sql = "select count(*) from quality_summary where (value is null) <> (missing_because is not null)"
    assert query_segments(settings.tables, [RUN_ID], sql)[1] == [(0,)]
