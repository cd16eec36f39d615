"""The view of the routers' decisions."""

from docmind_core.tables.definitions import ARM_COLUMNS, View

ROUTER_SUMMARY = View(
    name="router_summary",
    order="benchmark_run, arm",
    comment="One row is a run that routes: who decided, and how right the decisions were; a query run counts once",
    columns={
        **ARM_COLUMNS,
        "level": "Performance level: fast, balanced or thorough",
        "decisions": "Query runs with a decision, warm-up left out",
        "by_rules": "Of them, decided by the level's rules or a cheaper level's",
        "by_model": "Of them, decided by the model",
        "by_suite": "Of them, left to the suite's own strategy",
        "fell_back": "Of them, decided by something else than the level wants; route_decisions says why",
        "agreement_ratio": "Share of the model's decisions that the rules share, in [0, 1]; NULL where it decided none",
        "analysis_p50_s": "Median seconds to a decision; resumed query runs left out",
        "n_scored": "Decisions that could be compared with the best strategy",
        "router_accuracy_ratio": "Share of them that chose the best strategy, ties included, in [0, 1]",
        "router_regret": "Mean of the nDCG@10 of the best strategy less that of the chosen one, in [0, 1]",
        "n_calibrated": "Of the scored decisions, those with a confidence",
        "router_ece": "Expected calibration error of the confidences, in [0, 1]; NULL with ece_missing_because",
        "ece_missing_because": "Reason from the list in docs/metrics.md",
    },
)
