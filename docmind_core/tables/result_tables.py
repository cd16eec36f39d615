"""The tables of results: scores, figures of runs, comparisons of two runs, limits and grades, what levers moved."""

from docmind_core.tables.definitions import (
    ARM_COLUMNS,
    FROM_RUNS,
    KEY,
    QUERY_COLUMNS,
    REPLACED_COLUMN,
    RUN_COLUMN,
    Table,
    View,
)

MEASUREMENTS = Table(
    name="measurements",
    comment="One row per metric and query run: a value, or the reason why it is missing",
    key=(*KEY, "metric", "draw"),
    columns={
        **QUERY_COLUMNS,
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "value": ("double", "In the metric's unit"),
        "missing_because": ("varchar", "Reason from the list in docs/metrics.md"),
        "missing_detail": (
            "varchar",
            "What your own scorer did wrong (scorer_failed, implausible), in one line; otherwise NULL",
        ),
        "scorer_version": (
            "varchar",
            "Version of the formula; for your own scorer, its version, a +, and 8 digits of its file's sha256",
        ),
        "draw": ("integer", "Draw of a judge; 0 for every other metric"),
    },
    checks=("(value is null) = (missing_because is not null)",),
)

EARLIER_MEASUREMENTS = Table(
    name="earlier_measurements",
    comment="One row per row of measurements that docmind rescore replaced, because scorer_version or value changed",
    key=(*KEY, "metric", "draw", "replaced_at"),
    columns={**MEASUREMENTS.columns, **REPLACED_COLUMN},
    checks=MEASUREMENTS.checks,
)

RUN_ESTIMATES = Table(
    name="run_estimates",
    comment="One row per figure of a whole run whose interval can't be computed in SQL",
    key=("run_id", "metric", "slice"),
    columns={
        **RUN_COLUMN,
        "metric": ("varchar", "Name from the catalogue: tokens_per_correct"),
        "slice": ("varchar", "Query type, tag:<tag>, or all"),
        "value": ("double", "In the metric's unit"),
        "missing_because": ("varchar", "Why value is NULL, from the list in docs/metrics.md"),
        "low": ("double", "Lower end of the 95 % interval: delta method on the log, clustered"),
        "high": ("double", "Upper end of the same interval"),
        "interval_missing_because": ("varchar", "Why low and high are NULL, such as n_too_small"),
        "n": ("integer", "Query runs that the value covers"),
        "clusters": ("integer", "Clusters among them"),
    },
    checks=("(value is null) = (missing_because is not null)",),
)

COMPARISONS = Table(
    name="comparisons",
    comment="One row per metric, agent and slice of two runs that are compared over the same queries",
    key=("baseline_run_id", "candidate_run_id", "metric", "agent", "slice"),
    columns={
        "run_id": ("varchar", "The candidate: the run whose segment holds the row"),
        "baseline_run_id": ("varchar", "Run that the candidate is compared with"),
        "candidate_run_id": ("varchar", "Run judged"),
        "metric": ("varchar", "Name from the catalogue"),
        "agent": ("varchar", "Agent, or all"),
        "slice": ("varchar", "Query type, tag:<tag>, or all"),
        "n": ("integer", "Queries with a value in both runs; for tokens, those that both runs answered themselves"),
        "n_left_out": (
            "integer",
            "Queries without a value in one of the runs; for tokens, also those with 0 tokens, which have no ratio",
        ),
        "n_failed": (
            "integer",
            "Queries that one of the runs did not answer itself (failure or fallback); excluded from n for tokens only",
        ),
        "left_out_because": ("varchar", "Number of queries in n_left_out by reason"),
        "clusters": ("integer", "Clusters among the pairs"),
        "baseline_value": ("double", "Mean over the pairs"),
        "candidate_value": ("double", "Mean over the pairs"),
        "delta": ("double", "Mean log ratio for tokens, mean difference for other metrics"),
        "delta_low": ("double", "Lower end of the 95 % interval, clustered"),
        "delta_high": ("double", "Upper end of the 95 % interval, clustered"),
        "p": ("double", "Two-sided p of delta = 0, by the test that the interval inverts"),
        "p_holm": (
            "double",
            "The same, Holm-corrected over the arms compared with this baseline; gating metrics of all queries only",
        ),
        "p_fdr": (
            "double",
            "The same, with a Benjamini–Hochberg correction over all other metrics and slices; NULL for gating "
            "metrics of all queries",
        ),
        "mde": (
            "double",
            "Smallest difference that n pairs detect with 80 % power, in the unit of delta (logs for tokens)",
        ),
        "ratio_of_totals": (
            "double",
            "For tokens: candidate's total / baseline's total, including queries that cost one arm no tokens",
        ),
        "ratio_of_totals_low": ("double", "Lower end of its 95 % interval: delta method on the log, clustered"),
        "ratio_of_totals_high": ("double", "Upper end of its 95 % interval: delta method on the log, clustered"),
        "all_delta": ("double", "Tokens only: delta over all queries whose tokens are known, including failed ones"),
        "all_delta_low": ("double", "Lower end of its 95 % interval, clustered"),
        "all_delta_high": ("double", "Upper end of its 95 % interval, clustered"),
        "worst_case_delta": (
            "double",
            "Tokens only: the same with unknown tokens at their worst case (most for the candidate, least for the "
            "baseline)",
        ),
        "worst_case_delta_low": ("double", "Lower end of its 95 % interval, clustered"),
        "worst_case_delta_high": ("double", "Upper end of its 95 % interval; a claim needs it below 0"),
        "estimator": (
            "varchar",
            "cr2_mean_of_logs, cr2_mean, tango (independent pass/fail pairs) or tango_effective_n (other pass/fail)",
        ),
        "verdict": (
            "varchar",
            "better, non_inferior, worse, inconclusive, or not_judged (nothing to compare with, or times in < 6 "
            "blocks)",
        ),
        "because": ("varchar", "Why the verdict or the interval is what it is"),
        "claimable": ("boolean", "Tokens only: whether fewer tokens at no worse quality may be claimed"),
        "claimable_because": ("varchar", "Tokens only: why it may or may not be claimed"),
    },
)

NOISE_FLOOR = Table(
    name="noise_floor",
    comment="One row per metric of an arm that ran twice in one benchmark run (docmind bench --aa): the effect of "
    "chance",
    key=("run_id", "metric"),
    columns={
        "run_id": ("varchar", "The second run, <benchmark_run>.<arm>.again"),
        "first_run_id": ("varchar", "The first run, <benchmark_run>.<arm>"),
        "benchmark_run": ("varchar", "Key of the benchmark run"),
        "arm": ("varchar", "The arm that ran twice"),
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "has_clock": ("boolean", "True for times, whose clusters are the blocks"),
        "n": ("integer", "Queries with a value in both runs; each value is the mean over the replicates"),
        "n_left_out": ("integer", "Queries without a value in one of the two"),
        "clusters": ("integer", "Blocks for times, otherwise clusters of queries"),
        "first_value": ("double", "Mean over these queries in the first run, in the metric's unit"),
        "again_value": ("double", "Mean over these queries in the second run"),
        "difference": ("double", "again_value - first_value"),
        "standard_deviation": (
            "double",
            "Of the difference per query between the two runs; NULL for fewer than 2 queries",
        ),
        "changed_ratio": ("double", "Share of the queries whose value differs between the two runs, in [0, 1]"),
        "floor_low": (
            "double",
            "Lower end of the 95 % range of the difference of two means if nothing has changed: -t * clustered error",
        ),
        "floor_high": ("double", "Upper end of the same range"),
        "because": ("varchar", "not_judged (fewer than 6 blocks), not_exclusive_cache, or n_too_small"),
        "answers_compared": ("integer", "Query runs answered in both; the same in each row of an arm"),
        "flip_ratio": (
            "double",
            "Share of the answers whose text differs between the two runs at temperature 0, in [0, 1]; the same in "
            "each row of an arm, NULL without answers",
        ),
    },
    checks=("(floor_low is null) = (because is not null)",),
)

BASELINES = Table(
    name="baselines",
    comment="One row per pinned baseline: the run that later runs of a suite and arm are compared with (docmind "
    "baseline pin)",
    key=("suite", "arm"),
    columns={
        "suite": ("varchar", "Name of the suite"),
        "arm": ("varchar", "Arm"),
        "run_id": ("varchar", "The pinned run, <benchmark_run>.<arm>"),
        "reason": ("varchar", "Why it was pinned, as entered"),
        "pinned_at": ("timestamptz", "UTC time when it was pinned"),
    },
)
LIMIT_RESULTS = Table(
    name="limit_results",
    comment="One row per limit of the suite with its result, and per agent if its metric has agents",
    key=("run_id", "limit_name", "agent"),
    columns={
        **RUN_COLUMN,
        "limit_name": ("varchar", "Name of the limit, as in the suite; `limit` is an SQL keyword"),
        "metric": ("varchar", "Name from the catalogue; for a p95, with _p95 before the unit"),
        "agent": ("varchar", "Agent, or all"),
        "dimension": ("varchar", "Line of the scorecard: quality, reliability, latency, ..."),
        "statistic": ("varchar", "What the value is: mean, share, p95, total or peak, of one value per query"),
        "side": ("varchar", "at most or at least"),
        "is_hard": ("boolean", "Whether the answers are unusable if it is missed"),
        "set_to": ("double", "The limit from the suite, the engine profile or the guide, in this order; NULL for none"),
        "bound": ("double", "What the value is compared with: set_to, or the share of queries that may lie above it"),
        "value": ("double", "In the metric's unit; NULL with because; a p95 of fewer than 130 queries is NULL"),
        "low": ("double", "Lower end of the 95 % interval, clustered; NULL if there is none, and for a peak"),
        "high": ("double", "Upper end of the same interval"),
        "n": ("integer", "Queries that the value is based on; samples for a peak"),
        "clusters": ("integer", "Independent groups among them"),
        "state": ("varchar", "met, missed, undecided, not measured, or not judged if the suite sets no limit"),
        "headroom_pct": (
            "double",
            "Distance to the bound in percent of it, negative if exceeded; NULL if the bound is 0",
        ),
        "p": ("double", "One-sided p of the limit being missed, Holm-corrected over the agents; NULL without a test"),
        "because": ("varchar", "Why it is neither met nor missed"),
        "notes": ("varchar", "Notes that are shown next to the value"),
        "unshown_value": ("double", "The p95 of fewer than 130 queries, for alerts whose suite sets a lower min_n"),
        "value_missing_because": ("varchar", "Why value or its interval is NULL, from the list in docs/metrics.md"),
        "refused_queries": ("integer", "Queries with a request that was not sent: too long for the context window"),
        "near_ratio": ("double", "For a limit on each query: share of queries above 90 % of it; else NULL"),
    },
    checks=(
        "state in ('met', 'missed', 'undecided', 'not measured', 'not judged')",
        "value is not null or because is not null",
        "state in ('met', 'missed') or because is not null",
    ),
)

EARLIER_LIMIT_RESULTS = Table(
    name="earlier_limit_results",
    comment="One row per row of limit_results that docmind rescore replaced; scores replaced at the same time have "
    "the same replaced_at",
    key=(*LIMIT_RESULTS.key, "replaced_at"),
    columns={**LIMIT_RESULTS.columns, **REPLACED_COLUMN},
    checks=LIMIT_RESULTS.checks,
)

GRADES = Table(
    name="grades",
    comment="One row per grade of an arm: the scorecard's letters, and the guide's grade",
    key=("run_id", "dimension"),
    columns={
        **RUN_COLUMN,
        "dimension": ("varchar", "overall, a line of the scorecard (for the arm that the limits apply to), or guide"),
        "letter": ("varchar", "A, B, C, D or incomplete, in guide also A+; NULL with because"),
        "because": ("varchar", "What decided it; for guide, the grade's name and points"),
        "points": ("integer", "For guide: the sum over the measured parts; NULL in other rows"),
        "points_possible": ("integer", "For guide: the maximum for these parts; NULL in other rows"),
    },
    checks=("because is not null",),
)
_LEVER = "Lever added to naive_supervisor; the name of the arm if tuned is varied; tuned for all levers together"
_EDGE = "Edge of the guide's strategy chart, such as A → G; none if the chart has no edge for the lever"
_EFFECT = (
    "Percent saved for reductions, change in percent for tokens_per_correct, otherwise the difference in the metric's "
    "unit"
)
_VERDICT = (
    "moved as claimed; other way; inconclusive: the interval, or the p value corrected for all rows, allows no effect; "
    "did not move: nothing changed, or passed by less than 5 points; not measurable here; not_judged: a time in fewer "
    "than 6 blocks"
)

LEVER_EFFECTS = Table(
    name="lever_effects",
    comment="One row per lever, edge and metric of a benchmark run: the effect compared with the arm without the lever",
    key=("run_id", "lever", "edge", "metric"),
    columns={
        "run_id": ("varchar", "First arm of the benchmark run by name; its segment holds the rows of all levers"),
        "benchmark_run": ("varchar", "Key of the benchmark run"),
        "lever": ("varchar", _LEVER),
        "edge": ("varchar", _EDGE),
        "expected": ("varchar", "Claimed direction of the metric: rises, falls or stays"),
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "effect": ("double", _EFFECT),
        "effect_low": ("double", "Lower end of its 95 % interval, paired by query and clustered"),
        "effect_high": ("double", "Upper end of its 95 % interval, paired by query and clustered"),
        "n": (
            "integer",
            "Queries with a value in both arms that both answered themselves; for passed, also failed ones",
        ),
        "p": ("double", "Two-sided p of no effect, by the test that the interval inverts"),
        "p_holm": ("double", "The same, Holm-corrected over all rows of the benchmark run; it decides the verdict"),
        "verdict": ("varchar", _VERDICT),
        "because": ("varchar", "The interval and what was compared, or why nothing was measured"),
    },
    checks=("(effect_low is null) = (verdict in ('not measurable here', 'not_judged'))",),
)

ABLATION = View(
    name="ablation",
    comment="One row per lever, edge and metric in the latest benchmark run with levers; for older runs, see "
    "lever_effects",
    columns={
        **{name: ARM_COLUMNS[name] for name in FROM_RUNS},
        **{
            name: comment
            for name, (_, comment) in LEVER_EFFECTS.columns.items()
            if name not in {"run_id", "benchmark_run", "p", "p_holm"}
        },
    },
)
