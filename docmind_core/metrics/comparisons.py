"""The catalogue: what two runs are compared by."""

from docmind_core.metrics.metric import Metric

COMPARISONS = (
    Metric(
        name="reduction_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="100 * (1 - exp(mean of log(T / B))): T and B are a query's `billed_tokens` in candidate and "
        "baseline, means over the replicates. What the typical query saves; negative when the candidate costs more. "
        "`reduction_low` and `reduction_high` are the same formula at the ends of the 95 % t interval of the mean, "
        "clustered by `cluster_id`. It is over the queries that both runs answered themselves (no failure, no "
        "fallback); all others, and those without tokens in one run, leave the pairs and are counted.",
        missing="the arm is the baseline, or there is none: `not_compared`; no query has tokens in both: `no_usage` or "
        "`unreconciled`; below two clusters no interval: `n_too_small`",
        source="`token_efficiency`, agent `all`; `comparisons` holds the logs",
    ),
    Metric(
        name="reduction_all_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="`reduction_pct` over all queries whose tokens are known, failed ones too: a run that dies early "
        "spends little. `reduction_all_low` and `reduction_all_high` are its 95 % interval.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="reduction_worst_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="`reduction_all_pct` with unknown tokens at their worst: the candidate used the most that the "
        "cut-off call can have used (its prompt and `max_tokens`), the baseline what was booked of it. A claim is "
        "judged at its interval, `reduction_worst_low` and `reduction_worst_high`.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="single_pass_ratio",
        unit="1",
        range="above 0",
        better="lower",
        level="comparison",
        definition="exp(mean of log(T / B)) as in `reduction_pct`, with `single_pass` as B: how often the tokens of "
        "one call a system of several agents costs.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`, with `single_pass_ratio_low` and `single_pass_ratio_high`",
    ),
    Metric(
        name="reduction_of_totals_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="100 * (1 - sum of T / sum of B): what the bill saves. Another estimand than `reduction_pct`, with "
        "its own interval, `reduction_of_totals_low` and `reduction_of_totals_high` (delta method on the log). A "
        "query that cost one arm nothing has no logarithm, but it is in the sums.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="claimable",
        unit="1",
        range="true or false",
        better="none",
        level="comparison",
        definition="True when all of it holds. Tokens: the whole interval of `reduction_pct` is above 0, and that of "
        "`reduction_worst_pct` too; at least 100 independent queries; of at most 2 % nothing is known of what they "
        "cost. Quality: `passed` and `good_ratio` are both better or non-inferior (one-sided 95 % lower bound of the "
        "difference above -5 points) with at least 300 independent queries (a suite's `min_n` overrides it, then the "
        "power that is left is stated), and the baseline passes at least 10 %. Both runs: at most 10 % of the answers "
        "are fallbacks or empty; complete; the ledger `balanced` (`claim_without_ledger` in a suite allows one that "
        "could not be balanced); equal conditions but for the arm; a model that is not marked `plumbing`.",
        missing="the arm is the baseline, or there is none: `not_compared`",
        source="`token_efficiency`, with `claimable_because`",
    ),
)
