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
        "baseline, averaged over the replicates. This is the saving of a typical query; it is negative if the "
        "candidate costs more. `reduction_low` and `reduction_high` are the same formula at the ends of the 95 % t "
        "interval of the mean, clustered by `cluster_id`. It covers the queries that both runs answered themselves "
        "(no failure, no fallback). All others, and those without tokens in one run, are excluded and counted.",
        missing="the arm is the baseline, or there is none: `not_compared`; no query has tokens in both: `no_usage` "
        "or `unreconciled`; no interval with fewer than two clusters: `n_too_small`",
        source="`token_efficiency`, agent `all`; `comparisons` holds the logs",
    ),
    Metric(
        name="reduction_all_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="`reduction_pct` over all queries whose tokens are known, including failed ones, because a query "
        "that fails early uses few tokens. `reduction_all_low` and `reduction_all_high` are its 95 % interval.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="reduction_worst_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="`reduction_all_pct` with unknown tokens at their worst case: for the candidate, the most that the "
        "cut-off call can have used (its prompt and `max_tokens`); for the baseline, only what was recorded. A claim "
        "is judged by its interval, `reduction_worst_low` and `reduction_worst_high`.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="single_pass_ratio",
        unit="1",
        range="above 0",
        better="lower",
        level="comparison",
        definition="exp(mean of log(T / B)) as in `reduction_pct`, with `single_pass` as B: how many times the tokens "
        "of a single call a multi-agent system uses.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`, with `single_pass_ratio_low` and `single_pass_ratio_high`",
    ),
    Metric(
        name="reduction_of_totals_pct",
        unit="percent",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="100 * (1 - sum of T / sum of B): the saving on the bill. This estimand differs from "
        "`reduction_pct` and has its own interval, `reduction_of_totals_low` and `reduction_of_totals_high` (delta "
        "method on the log). A query that cost one arm nothing has no logarithm, but is included in the sums.",
        missing="as `reduction_pct`",
        source="`token_efficiency`, agent `all`",
    ),
    Metric(
        name="claimable",
        unit="1",
        range="true or false",
        better="none",
        level="comparison",
        definition="True if all of the following conditions hold. Tokens: the whole interval of `reduction_pct` is "
        "above 0, and so is that of `reduction_worst_pct`; there are at least 100 independent queries; the cost of "
        "at most 2 % is entirely unknown. Quality: `passed` and `good_ratio` are both better or non-inferior "
        "(one-sided 95 % lower bound of the difference above -5 points) with at least 300 independent queries (a "
        "suite's `min_n` overrides this, and the resulting power is then shown), and the baseline passes at least 10 "
        "%. Both runs: at most 10 % of the answers are fallbacks or empty; the run is complete; the ledger is "
        "`balanced` (`claim_without_ledger` in a suite allows one that could not be balanced); conditions are equal "
        "except for the arm; and the model is not a smoke-test model.",
        missing="the arm is the baseline, or there is none: `not_compared`",
        source="`token_efficiency`, with `claimable_because`",
    ),
)
