"""Catalogue entries on routing."""

from docmind_core.measurements.metric import Metric

_ROW = "`measurements`; mean in `quality_summary` and, for the run, in `router_summary`"
_MISSING = (
    "no gold document, or a query the documents don't answer: `no_gold`; the suite doesn't open every strategy: "
    "`not_all_open`; the documents are not those of the run: `index_changed`; the router was not asked: `not_routed`, "
    "or `failed_run` where the query failed before"
)

ROUTING = (
    Metric(
        name="router_accuracy_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the queries for which the router decided the strategy with the best `ndcg@10`; of "
        "strategies that tie, each is right. Each strategy searches for the query itself, in the run's own index and "
        "as deep as the run did; a plan's searches are not part of it. One query's row is 1 or 0. Arms without a "
        "router have no row.",
        missing=_MISSING,
        source=_ROW,
    ),
    Metric(
        name="router_regret",
        unit="1",
        range="0 to 1",
        better="lower",
        level="query",
        definition="`ndcg@10` of the best strategy less that of the router's, found as for `router_accuracy_ratio`: "
        "what a perfect router would gain.",
        missing=_MISSING,
        source=_ROW,
    ),
    Metric(
        name="router_ece",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Expected calibration error: mean over ten bins of equal mass, weighted by their size, of the "
        "distance between mean confidence and `router_accuracy_ratio`. Equal confidences share a bin. Only decisions "
        "with a confidence are in it, which are the rules': the model states none.",
        missing="fewer than 30 such decisions: `n_too_small`; none could be compared: the reason of "
        "`router_accuracy_ratio`",
        source="`router_summary`",
    ),
)
