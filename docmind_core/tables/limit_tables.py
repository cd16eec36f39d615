"""The tables of what a benchmark run is judged by: its limits, and the grades that follow from them."""

from docmind_core.tables.definitions import REPLACED_COLUMN, RUN_COLUMN, Table

LIMIT_RESULTS = Table(
    name="limit_results",
    comment="One row is a limit of the suite and how it came out, for each agent where its metric has agents",
    key=("run_id", "limit_name", "agent"),
    columns={
        **RUN_COLUMN,
        "limit_name": ("varchar", "As under limits: in the suite; `limit` is a word of SQL"),
        "metric": ("varchar", "Name from the catalogue; for a p95 with _p95 before its unit"),
        "agent": ("varchar", "Agent, or all"),
        "dimension": ("varchar", "Line of the scorecard: quality, reliability, latency, ..."),
        "statistic": ("varchar", "What the value is: mean, share, p95, total or peak, of one value per query"),
        "side": ("varchar", "at most or at least"),
        "is_hard": ("boolean", "Whether the answers can't be used when it is missed"),
        "set_to": ("double", "The limit: of the suite, else of the engine profile, else the guide's; NULL for none"),
        "bound": ("double", "What the value is held against: set_to, or the share of queries that may lie above it"),
        "value": ("double", "In the metric's unit; NULL with because; a p95 of fewer than 130 queries is NULL"),
        "low": ("double", "Lower end of the 95 % interval, clustered; NULL where there is none, and for a peak"),
        "high": ("double", "Upper end of the same interval"),
        "n": ("integer", "Queries that the value rests on; samples for a peak"),
        "clusters": ("integer", "Independent groups among them"),
        "state": ("varchar", "met, missed, undecided, not measured, or not judged where the suite sets no limit"),
        "headroom_pct": ("double", "Distance of value to bound in percent of it, negative when over; NULL at 0"),
        "p": (
            "double",
            "One-sided p of the limit being broken, corrected by Holm over the agents; NULL without a test",
        ),
        "because": ("varchar", "Why it is neither met nor missed"),
        "notes": ("varchar", "What is shown next to the value"),
        "unshown_value": ("double", "The p95 of fewer than 130 queries, for alerts whose suite asks for so few"),
        "value_missing_because": ("varchar", "Why value or its interval is NULL, from the list in docs/metrics.md"),
        "refused_queries": ("integer", "Queries with a request that did not fit the context window and was not sent"),
        "near_ratio": ("double", "Share of queries above ten percent inside a limit on each query; NULL for others"),
    },
    checks=(
        "state in ('met', 'missed', 'undecided', 'not measured', 'not judged')",
        "value is not null or because is not null",
        "state in ('met', 'missed') or because is not null",
    ),
)

EARLIER_LIMIT_RESULTS = Table(
    name="earlier_limit_results",
    comment="One row is a row of limit_results that docmind rescore replaced; scores replaced with it have its time",
    key=(*LIMIT_RESULTS.key, "replaced_at"),
    columns={**LIMIT_RESULTS.columns, **REPLACED_COLUMN},
    checks=LIMIT_RESULTS.checks,
)

GRADES = Table(
    name="grades",
    comment="One row is a grade of an arm: the scorecard's letters, and the guide's grade",
    key=("run_id", "dimension"),
    columns={
        **RUN_COLUMN,
        "dimension": ("varchar", "overall, a line of the scorecard (of the arm that the limits hold for), or guide"),
        "letter": ("varchar", "A, B, C, D or incomplete, in guide also A+; NULL with because"),
        "because": ("varchar", "What decided it; in guide the grade's name and its points"),
        "points": ("integer", "guide: sum over the parts that were measured; NULL in other rows"),
        "points_possible": ("integer", "guide: what these parts could have given; NULL in other rows"),
    },
    checks=("because is not null",),
)
