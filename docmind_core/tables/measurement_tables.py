"""The tables of what was measured: scores of query runs, figures of runs, comparisons of two runs."""

from docmind_core.tables.definitions import KEY, QUERY_COLUMNS, REPLACED_COLUMN, RUN_COLUMN, Table

MEASUREMENTS = Table(
    name="measurements",
    comment="One row is a metric of one query run: a value, or why there is none",
    key=(*KEY, "metric", "draw"),
    columns={
        **QUERY_COLUMNS,
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "value": ("double", "In the metric's unit"),
        "missing_because": ("varchar", "Reason from the list in docs/metrics.md"),
        "missing_detail": (
            "varchar",
            "What a scorer of yours did wrong (scorer_failed, implausible), in one line; else NULL",
        ),
        "scorer_version": (
            "varchar",
            "Version of the formula; of a scorer of yours its version, a +, and 8 digits of its file's sha256",
        ),
        "draw": ("integer", "Draw of a judge; 0 for every other metric"),
    },
    checks=("(value is null) = (missing_because is not null)",),
)

EARLIER_MEASUREMENTS = Table(
    name="earlier_measurements",
    comment="One row is a row of measurements that docmind rescore replaced: another scorer_version or another value",
    key=(*KEY, "metric", "draw", "replaced_at"),
    columns={**MEASUREMENTS.columns, **REPLACED_COLUMN},
    checks=MEASUREMENTS.checks,
)

RUN_ESTIMATES = Table(
    name="run_estimates",
    comment="One row is a figure of a whole run with an interval that SQL can't take",
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
        "n": ("integer", "Query runs that the value is over"),
        "clusters": ("integer", "Clusters among them"),
    },
    checks=("(value is null) = (missing_because is not null)",),
)

COMPARISONS = Table(
    name="comparisons",
    comment="One row compares a metric of two runs over the same queries",
    key=("baseline_run_id", "candidate_run_id", "metric", "agent", "slice"),
    columns={
        "run_id": ("varchar", "The candidate: the run whose segment holds the row"),
        "baseline_run_id": ("varchar", "Run compared against"),
        "candidate_run_id": ("varchar", "Run judged"),
        "metric": ("varchar", "Name from the catalogue"),
        "agent": ("varchar", "Agent, or all"),
        "slice": ("varchar", "Query type, tag:<tag>, or all"),
        "n": ("integer", "Queries with a value in both runs; for tokens those that both runs answered themselves"),
        "n_left_out": (
            "integer",
            "Queries without a value in one of the runs; for tokens also those with none to take a ratio of",
        ),
        "n_failed": (
            "integer",
            "Queries that one of the runs did not answer itself (failure or fallback): not in n for tokens, else in it",
        ),
        "left_out_because": ("varchar", "How many of n_left_out for which reason"),
        "clusters": ("integer", "Clusters among the pairs"),
        "baseline_value": ("double", "Mean over the pairs"),
        "candidate_value": ("double", "Mean over the pairs"),
        "delta": ("double", "Mean log ratio for tokens, mean difference for all else"),
        "delta_low": ("double", "Lower end of the 95 % interval, clustered"),
        "delta_high": ("double", "Upper end of the 95 % interval, clustered"),
        "p": ("double", "Two-sided p of delta = 0, by the test that the interval inverts"),
        "p_holm": (
            "double",
            "The same, corrected by Holm over the arms compared with this baseline; gating metrics of all queries only",
        ),
        "p_fdr": (
            "double",
            "The same, corrected by Benjamini and Hochberg over everything else: other metrics, and slices; "
            "NULL for gating metrics of all queries",
        ),
        "mde": (
            "double",
            "Smallest difference that n pairs show with 80 % power, in the unit of delta (logs for tokens)",
        ),
        "ratio_of_totals": (
            "double",
            "Candidate's total / baseline's total, for tokens: queries that cost an arm none are in it",
        ),
        "ratio_of_totals_low": ("double", "Lower end of its 95 % interval: delta method on the log, clustered"),
        "ratio_of_totals_high": ("double", "Upper end of its 95 % interval: delta method on the log, clustered"),
        "all_delta": ("double", "Tokens only: delta over all queries whose tokens are known, failed ones too"),
        "all_delta_low": ("double", "Lower end of its 95 % interval, clustered"),
        "all_delta_high": ("double", "Upper end of its 95 % interval, clustered"),
        "worst_case_delta": (
            "double",
            "Tokens only: the same with unknown tokens at their worst: most for the candidate, least for the baseline",
        ),
        "worst_case_delta_low": ("double", "Lower end of its 95 % interval, clustered"),
        "worst_case_delta_high": ("double", "Upper end of its 95 % interval; a claim needs it below 0"),
        "estimator": (
            "varchar",
            "cr2_mean_of_logs, cr2_mean, tango (independent pass/fail pairs) or tango_effective_n (other pass/fail)",
        ),
        "verdict": (
            "varchar",
            "better, non_inferior, worse, inconclusive, or not_judged: nothing to compare with, times in < 6 blocks",
        ),
        "because": ("varchar", "Why the verdict or the interval is what it is"),
        "claimable": ("boolean", "Tokens only: fewer tokens at quality that is not worse"),
        "claimable_because": ("varchar", "Tokens only: why it may or may not be claimed"),
    },
)

NOISE_FLOOR = Table(
    name="noise_floor",
    comment="One row is a metric of an arm that ran twice in one benchmark run (docmind bench --aa): what chance moves",
    key=("run_id", "metric"),
    columns={
        "run_id": ("varchar", "The second run, <benchmark_run>.<arm>.again"),
        "first_run_id": ("varchar", "The first run, <benchmark_run>.<arm>"),
        "benchmark_run": ("varchar", "Key of the benchmark run"),
        "arm": ("varchar", "The arm that ran twice"),
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "has_clock": ("boolean", "True for times, whose clusters are the blocks"),
        "n": ("integer", "Queries with a value in both runs, each the mean over its replicates"),
        "n_left_out": ("integer", "Queries without a value in one of the two"),
        "clusters": ("integer", "Blocks for times, else clusters of queries"),
        "first_value": ("double", "Mean over these queries in the first run, in the metric's unit"),
        "again_value": ("double", "Mean over these queries in the second run"),
        "difference": ("double", "again_value - first_value"),
        "standard_deviation": ("double", "Of a query's difference between the two runs; NULL below 2 queries"),
        "changed_ratio": ("double", "Share of the queries whose value differs between the two, in [0, 1]"),
        "floor_low": (
            "double",
            "Lower end of the 95 % range of the difference of two means when nothing has changed: -t * clustered error",
        ),
        "floor_high": ("double", "Upper end of the same range"),
        "because": ("varchar", "Why the range is NULL: not_judged below 6 blocks, not_exclusive_cache, or n_too_small"),
        "answers_compared": ("integer", "Query runs answered in both; the same in each row of an arm"),
        "flip_ratio": (
            "double",
            "Share of the answers whose text differs between the two at temperature 0, in [0, 1]; the same in each "
            "row of an arm, NULL without answers",
        ),
    },
    checks=("(floor_low is null) = (because is not null)",),
)

BASELINES = Table(
    name="baselines",
    comment="One row is the run that later runs of a suite and arm are compared with (docmind baseline pin)",
    key=("suite", "arm"),
    columns={
        "suite": ("varchar", "Name of the suite"),
        "arm": ("varchar", "Arm"),
        "run_id": ("varchar", "The pinned run, <benchmark_run>.<arm>"),
        "reason": ("varchar", "Why it was pinned, as the person wrote it"),
        "pinned_at": ("timestamptz", "UTC time of the pinning"),
    },
)
