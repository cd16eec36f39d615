"""The scorecard of a benchmark run: each limit as it came out, and the letters, out of `limit_results` and `grades`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from docmind_core.measurements.grades import GUIDE, OVERALL, Letter
from docmind_core.measurements.limit_results import (
    MET,
    MISSED,
    NOT_JUDGED,
    UNDECIDED,
    LimitResult,
    limit_results_of,
    worst_by_limit,
)
from docmind_core.measurements.limit_results import NOT_MEASURED as LIMIT_NOT_MEASURED
from docmind_core.measurements.limit_series import ALL_AGENTS
from docmind_core.metrics.reasons import reason_text
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Row, Table, figure, no_p95, run_source, table_row
from docmind_core.reports.number_text import (
    count_text,
    duration_text,
    interval_text,
    percent_text,
    ratio_text,
)
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import N_TOO_SMALL
from docmind_core.tables.reading import query_records, query_rows

_SHOWN = (MET, MISSED, UNDECIDED, LIMIT_NOT_MEASURED)
_LIMITS = "select l.* from limit_results as l join runs using (run_id) where benchmark_run = $benchmark_run"
_GRADES = """
select run_id, dimension, letter, because
from grades
join runs using (run_id)
where benchmark_run = $benchmark_run
"""
_NOT_WRITTEN = Letter(letter=None, because="the limits were not measured; materialize the asset `limits`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The limits of one benchmark run, decided for the arm they hold for."""

    results: tuple[LimitResult, ...]
    overall: Letter
    of_dimensions: Mapping[str, Letter]
    guide_grades: Mapping[str, str]
    """The guide's grade with its points, by run_id."""

    @property
    def arm(self) -> str:
        """The arm that is judged."""
        return self.results[0].arm if self.results else "no arm"

    @property
    def verdict(self) -> str:
        """The overall letter and its reason in one sentence."""
        return f"Scorecard of {self.arm}: {self.overall}"

    @property
    def counts(self) -> str:
        """How many limits are in each state; one that holds for each agent counts once, by its worst agent."""
        if not self.results:
            return self.verdict
        states = Counter(result.state for result in worst_by_limit(self.results).values())
        return f"Limits of {self.arm}: " + ", ".join(f"{states[state]} {state}" for state in _SHOWN if states[state])


def read_scorecard(settings: Settings, records: BenchmarkRecords) -> Scorecard:
    """Read how the limits of a benchmark run came out; without rows it says so, and gives no letter."""
    parameters = {"benchmark_run": records.arms[0].benchmark_run}
    results = limit_results_of(query_records(settings, dict, _LIMITS, parameters), records.own_metrics)
    letters, guide = {}, {}
    for run_id, dimension, letter, because in query_rows(settings, _GRADES, parameters)[1]:
        if dimension == GUIDE:
            guide[str(run_id)] = str(because).partition("; ")[0]
        else:
            letters[str(dimension)] = Letter(letter=None if letter is None else str(letter), because=str(because))
    overall = letters.pop(OVERALL, _NOT_WRITTEN)
    return Scorecard(results=results, overall=overall, of_dimensions=letters, guide_grades=guide)


def scorecard_table(scorecard: Scorecard) -> Table:
    """One row per limit, under its dimension with that dimension's letter."""
    rows: list[Row] = []
    for dimension, letter in scorecard.of_dimensions.items():
        results = [result for result in scorecard.results if result.limit.dimension == dimension]
        is_judged = any(result.state != NOT_JUDGED for result in results)
        rows.append(Row(heading=f"{dimension}: {letter if is_judged else letter.because}"))
        rows += [_row(result) for result in results]
    return Table(
        caption="The suite's limits, or the guide's five if it sets none; the interval decides, not the value",
        columns=("metric", "value", "95 % interval", "limit", "state", "headroom", "n"),
        rows=tuple(rows),
    )


def _row(result: LimitResult) -> Row:
    metric, shown, n = result.limit.metric, result.shown, result.shown.n
    is_judged, headroom = result.state != NOT_JUDGED, result.headroom_pct
    return table_row(
        metric if result.agent == ALL_AGENTS else f"{metric}, {result.agent}",
        [
            _value(result),
            _interval(result) or "–",
            _bound(result, result.bound) if is_judged and result.bound is not None else "none",
            Cell(words=result.state, remark=reason_text(result.because)) if is_judged else "–",
            figure(headroom, "%") if headroom is not None else "–",
            figure(n, "count", words=f"{n:,}") if n or shown.value is not None else "–",
        ],
        key=metric,
        source=run_source(
            result.run_id.partition(".")[0],
            "limit_results",
            "limit_results.value",
            f"metric = '{metric}' and agent = '{result.agent}'",
        ),
    )


def _bound(result: LimitResult, bound: float) -> Cell:
    return figure(bound, result.limit.unit, words=f"{result.side} {_number_text(result, bound)}")


def _value(result: LimitResult) -> Cell:
    shown, unit, remark = result.shown, result.limit.unit, "; ".join(result.notes)
    if shown.value is None and shown.because == N_TOO_SMALL and shown.n:
        if result.limit.statistic == "p95":
            return no_p95(shown.n, unit, remark)
        words = f"{reason_text(N_TOO_SMALL)}, {shown.n:,}"
        return Cell(unit=unit, n=shown.n, because=shown.because, words=words, remark=remark)
    words = "" if shown.value is None else _number_text(result, shown.value)
    return figure(shown, unit, words=words, remark=remark)


def _number_text(result: LimitResult, number: float) -> str:
    unit = result.limit.unit
    if unit == "s":
        return duration_text(number)
    if unit in {"percent", "%"}:
        return percent_text(number)
    if result.limit.allowed_share is not None:
        return f"{percent_text(100 * number)} of the queries"
    if unit in {"tokens", "tokens/s"}:
        return f"{count_text(number)} {unit}"
    return ratio_text(number) if unit == "1" else f"{ratio_text(number)} {unit}"


def _interval(result: LimitResult) -> str:
    unit, low, high = result.limit.unit, result.shown.low, result.shown.high
    if low is None or high is None:
        return ""
    if unit == "s":
        return f"{duration_text(low)} to {duration_text(high)}"
    if result.limit.allowed_share is not None:
        return interval_text(100 * low, 100 * high, decimals=0) + " %"
    return interval_text(low, high, decimals=0 if unit in {"percent", "%", "tokens"} else 2)
