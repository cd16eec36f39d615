"""The table and the view of the ablation."""

from docmind_core.tables.definitions import Table, View

_LEVER = "Lever added to naive_supervisor; an arm's name where tuned is varied; tuned for all levers together"
_EDGE = "Edge of the guide's strategy chart, such as A → G; none where the chart has no edge for the lever"
_EFFECT = (
    "Percent saved for reductions, change in percent for tokens_per_correct, else the difference in the metric's unit"
)
_VERDICT = (
    "moved as claimed; other way; inconclusive: the interval, or the p value corrected for all rows, allows no effect; "
    "did not move: nothing changed, or passed by less than 5 points; not measurable here; not_judged: a time in fewer "
    "than 6 blocks"
)

LEVER_EFFECTS = Table(
    name="lever_effects",
    comment="One row is what a lever moved of one metric in a benchmark run, against the arm without it",
    key=("run_id", "lever", "edge", "metric"),
    columns={
        "run_id": (
            "varchar",
            "First arm of the benchmark run by name: its segment holds the rows of all levers",
        ),
        "benchmark_run": ("varchar", "Key of the benchmark run"),
        "lever": ("varchar", _LEVER),
        "edge": ("varchar", _EDGE),
        "expected": ("varchar", "Where the metric is claimed to go: rises, falls or stays"),
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "effect": ("double", _EFFECT),
        "effect_low": ("double", "Lower end of its 95 % interval, paired by query and clustered"),
        "effect_high": ("double", "Upper end of its 95 % interval, paired by query and clustered"),
        "n": (
            "integer",
            "Queries with a value in both arms that both answered themselves; for passed, failed ones too",
        ),
        "p": ("double", "Two-sided p of no effect, by the test that the interval inverts"),
        "p_holm": ("double", "The same, corrected by Holm over all rows of the benchmark run: it decides the verdict"),
        "verdict": ("varchar", _VERDICT),
        "because": ("varchar", "The interval and what was compared, or why nothing could be measured"),
    },
    checks=("(effect_low is null) = (verdict in ('not measurable here', 'not_judged'))",),
)

ABLATION = View(
    name="ablation",
    comment="One row is a lever, an edge and a metric in the latest benchmark run with levers; older: lever_effects",
    columns={
        name: comment
        for name, (_, comment) in LEVER_EFFECTS.columns.items()
        if name not in {"run_id", "benchmark_run", "p", "p_holm"}
    },
)
