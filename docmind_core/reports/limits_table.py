"""The scorecard of a benchmark run: each limit of its suite decided by its interval, and the letters."""

from collections import Counter
from dataclasses import dataclass

from pydantic import ValidationError

from docmind_core.measurements.limit_values import LimitValue, measure_limits
from docmind_core.measurements.limits import MET, MISSED, UNDECIDED
from docmind_core.measurements.limits import NOT_MEASURED as LIMIT_NOT_MEASURED
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.number_text import (
    NOT_MEASURED,
    interval_text,
    milliseconds_text,
    not_measured,
    percent_text,
    ratio_text,
)
from docmind_core.reports.run_records import parse_object
from docmind_core.reports.scorecard import Letter, dimension_letters, overall_letter
from docmind_core.reports.text_table import Cell, TextRow, TextTable, text_row
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite

_WORST_FIRST = (MISSED, UNDECIDED, LIMIT_NOT_MEASURED, MET)
_SHOWN = (MET, MISSED, UNDECIDED, LIMIT_NOT_MEASURED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The limits of one benchmark run, decided for the arm they hold for."""

    values: tuple[LimitValue, ...]
    overall: Letter
    of_dimensions: dict[str, Letter]

    @property
    def arm(self) -> str:
        """The arm that is judged."""
        return self.values[0].arm

    @property
    def verdict(self) -> str:
        """The overall letter and its reason in one sentence."""
        return f"Scorecard of {self.arm}: {letter_text(self.overall)}"

    @property
    def counts(self) -> str:
        """How many limits are in each state; one that holds for each agent counts once, by its worst agent."""
        names = dict.fromkeys(value.name for value in self.values)
        states = [{value.judged.state for value in self.values if value.name == name} for name in names]
        worst = Counter(next(state for state in _WORST_FIRST if state in found) for found in states)
        return f"Limits of {self.arm}: " + ", ".join(f"{worst[state]} {state}" for state in _SHOWN if worst[state])


def read_scorecard(settings: Settings, records: BenchmarkRecords) -> Scorecard:
    """Decide every limit of the run's suite; the guide's five stand where the suite says nothing."""
    values = measure_limits(settings.tables, records.arms[0].benchmark_run, suite_of(records))
    judged = [value.judged for value in values]
    plumbing = any(arm.plumbing for arm in records.arms)
    return Scorecard(
        values=values,
        overall=overall_letter(judged, plumbing=plumbing),
        of_dimensions=dimension_letters(judged, plumbing=plumbing),
    )


def suite_of(records: BenchmarkRecords) -> Suite:
    """Return the suite in the run's manifest; without a readable one, a suite of its arms and no limits."""
    try:
        return Suite.model_validate(parse_object(records.arms[0].manifest).get("suite"))
    except ValidationError:
        return Suite(name="unknown", query_set="unknown", arms=tuple(records.arm_names.values()))


def scorecard_table(scorecard: Scorecard) -> TextTable:
    """One row per limit, under its dimension with that dimension's letter."""
    rows: list[TextRow] = []
    for dimension, letter in scorecard.of_dimensions.items():
        rows.append(TextRow(heading=f"{dimension}: {letter_text(letter)}"))
        rows += [_row(value) for value in scorecard.values if value.judged.dimension == dimension]
    return TextTable(
        caption="Limits of the suite, the guide's five where it sets none, decided by interval and never by the point",
        columns=("metric", "value", "95 % interval", "limit", "state", "headroom", "n"),
        rows=tuple(rows),
    )


def scorecard_rows(scorecard: Scorecard) -> tuple[dict[str, object], ...]:
    """Return the same as plain values, for programs."""
    return tuple(
        {
            "dimension": value.judged.dimension,
            "metric": value.judged.metric,
            "agent": value.agent,
            "value": value.measured.value,
            "low": value.measured.low,
            "high": value.measured.high,
            "limit": value.limit,
            "state": value.judged.state,
            "headroom_pct": value.judged.headroom_pct,
            "n": value.measured.n,
            "because": value.judged.because,
        }
        for value in scorecard.values
    )


def letter_text(letter: Letter) -> str:
    """Return a letter with its reason: `C (limit missed: agent_latency_p95_s)`."""
    return f"{letter.letter or 'no letter'} ({letter.because})"


def _row(value: LimitValue) -> TextRow:
    judged, measured = value.judged, value.measured
    headroom = judged.headroom_pct
    name = f"{judged.metric}, {value.agent}" if value.agent else judged.metric
    return text_row(
        name,
        [
            _value_text(judged.metric, measured.value, judged.because),
            _interval(judged.metric, measured.low, measured.high) or "–",
            f"{'at least' if value.is_minimum else 'at most'} {_value_text(judged.metric, value.limit, None)}",
            Cell(text=judged.state, note=judged.because or "" if judged.state != NOT_MEASURED else ""),
            percent_text(headroom) if headroom is not None else "–",
            f"{measured.n:,}" if measured.n is not None else "–",
        ],
    )


def _value_text(metric: str, value: float | None, because: str | None) -> str:
    if value is None:
        return not_measured(because)
    if metric.endswith("_s"):
        return milliseconds_text(value)
    if metric.endswith("_pct"):
        return percent_text(value)
    return f"{value:.2f} GB" if metric.endswith("_gb") else ratio_text(value)


def _interval(metric: str, low: float | None, high: float | None) -> str:
    if low is None or high is None or low == high:
        return ""  # a peak is a peak
    if metric.endswith("_s"):
        return f"{milliseconds_text(low)} to {milliseconds_text(high)}"
    return interval_text(low, high, decimals=0 if metric.endswith("_pct") else 2)
