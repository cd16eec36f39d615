"""What each lever moved on the model and the questions of a run, where that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Source, Table, figure, table_row
from docmind_core.reports.document import Section, Text
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.reading import query_records

_EFFECTS = """
with effects as (
    select e.*
    from lever_effects as e
    join runs using (run_id)
    where runs.model = $model and runs.query_set_hash = $query_set_hash
)
select distinct on (lever, metric) benchmark_run, lever, metric, expected, effect, effect_low, effect_high, n, verdict
from effects
where benchmark_run = (select max(benchmark_run) from effects)
order by lever, metric, edge
"""
_AS_CLAIMED = "moved as claimed"
_MEASURE = (
    "No lever effects have been measured for this model and these questions. To measure them, run docmind bench "
    "ablation (with --engine URL for your own server): it adds each lever to naive_supervisor and compares per query."
)
_HOW = (
    "Each lever added alone to naive_supervisor, paired by query, Holm-corrected; effects of several levers do not "
    "add up. To switch a lever on or off, use the arm with or without it: docmind arms lists them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    benchmark_run: str
    lever: str
    metric: str
    expected: str
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    n: int | None
    verdict: str


def levers_part(settings: Settings, records: BenchmarkRecords) -> Section:
    """Return the measured effects of the newest ablation on the same model and questions, or how to measure them."""
    first = records.arms[0]
    parameters = {"model": first.model, "query_set_hash": first.query_set_hash}
    found = query_records(settings, _Effect, _EFFECTS, parameters)
    blocks = (Text(style="muted", lines=(_HOW,)), _table(found)) if found else (Text(lines=(_MEASURE,)),)
    return Section(key="levers", title="What to do", blocks=blocks)


def _table(found: Sequence[_Effect]) -> Table:
    order = sorted(found, key=lambda one: (one.verdict != _AS_CLAIMED, one.effect is None, one.lever, one.metric))
    return Table(
        caption=f"Effects of levers in {found[0].benchmark_run}; those that moved as claimed come first",
        columns=("lever", "metric", "claimed", "effect", "verdict"),
        rows=tuple(
            table_row(
                one.lever, [one.metric, one.expected, _cell(one), one.verdict], key=one.metric, source=_source(one)
            )
            for one in order
        ),
        folded="" if len(found) <= 12 else "Effects of levers",
    )


def _cell(one: _Effect) -> Cell:
    estimate = Estimate(value=one.effect, low=one.effect_low, high=one.effect_high, n=one.n or 0, because=one.verdict)
    return figure(estimate, _unit(one.metric))


def _unit(metric: str) -> str:
    """Return the unit of an effect, as `lever_effects.effect` has it."""
    if metric.endswith("_pct") or metric == "tokens_per_correct":
        return "%"
    return "s" if metric.endswith("_s") else "tokens" if metric.endswith("_tokens") else "1"


def _source(one: _Effect) -> Source:
    where = f"benchmark_run = '{one.benchmark_run}' and lever = '{one.lever}' and metric = '{one.metric}'"
    return Source(
        table="lever_effects", column="effect", sql=f"select lever, effect as value from lever_effects where {where}"
    )
