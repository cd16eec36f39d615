"""The scorecard of a benchmark run: each limit of its suite decided by its interval, and the letters."""

from collections import Counter
from dataclasses import dataclass

from pydantic import ValidationError

from docmind_core.measurements.limit_findings import P95_N_MIN
from docmind_core.measurements.limit_values import WORST_FIRST, LimitValue, measure_limits, measure_unlimited
from docmind_core.measurements.limits import MET, MISSED, N_TOO_SMALL, UNDECIDED, Measured
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

_SHOWN = (MET, MISSED, UNDECIDED, LIMIT_NOT_MEASURED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The limits of one benchmark run, decided for the arm they hold for."""

    values: tuple[LimitValue, ...]
    overall: Letter
    of_dimensions: dict[str, Letter]
    unlimited: tuple[LimitValue, ...] = ()
    """What is shown without being judged: the suite sets no limit on it."""

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
        worst = Counter(next(state for state in WORST_FIRST if state in found) for found in states)
        return f"Limits of {self.arm}: " + ", ".join(f"{worst[state]} {state}" for state in _SHOWN if worst[state])


def read_scorecard(settings: Settings, records: BenchmarkRecords) -> Scorecard:
    """Decide every limit of the run's suite; the guide's five stand where the suite says nothing."""
    place = (settings.tables, records.arms[0].benchmark_run, suite_of(records))
    values = measure_limits(*place)
    judged = [value.judged for value in values]
    plumbing = any(arm.plumbing for arm in records.arms)
    return Scorecard(
        values=values,
        overall=overall_letter(judged, plumbing=plumbing),
        of_dimensions=dimension_letters(judged, plumbing=plumbing),
        unlimited=measure_unlimited(*place),
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
    for value in scorecard.unlimited:
        rows += [TextRow(heading=f"{value.judged.dimension}: the suite sets no limit"), _unlimited_row(value)]
    return TextTable(
        caption="Limits of the suite, the guide's five where it sets none, decided by interval and never by the point",
        columns=("metric", "value", "95 % interval", "limit", "state", "headroom", "n"),
        rows=tuple(rows),
    )


def scorecard_rows(scorecard: Scorecard) -> tuple[dict[str, object], ...]:
    """Return the same as plain values, for programs."""
    judged = [(value, value.bound, value.judged.state) for value in scorecard.values]
    return tuple(
        {
            "dimension": value.judged.dimension,
            "metric": value.judged.metric,
            "agent": value.agent,
            "value": value.shown.value,
            "low": value.shown.low,
            "high": value.shown.high,
            "limit": limit,
            "state": state,
            "headroom_pct": value.judged.headroom_pct if state else None,
            "n": value.shown.n,
            "because": value.judged.because if state else value.shown.because,
            "beside": "; ".join(value.beside) or None,
        }
        for value, limit, state in [*judged, *((value, None, None) for value in scorecard.unlimited)]
    )


def letter_text(letter: Letter) -> str:
    """Return a letter with its reason: `C (limit missed: agent_latency_p95_s)`."""
    return f"{letter.letter or 'no letter'} ({letter.because})"


def _row(value: LimitValue) -> TextRow:
    judged, side = value.judged, "at least" if value.is_minimum else "at most"
    name = f"{judged.metric}, {value.agent}" if value.agent else judged.metric
    note = judged.because or "" if judged.state != NOT_MEASURED else ""
    return text_row(
        name,
        [
            *_measured_cells(value),
            f"{side} {_number_text(value, value.bound)}",
            Cell(text=judged.state, note=note),
            percent_text(judged.headroom_pct) if judged.headroom_pct is not None else "–",
            f"{value.shown.n:,}" if value.shown.n is not None else "–",
        ],
    )


def _unlimited_row(value: LimitValue) -> TextRow:
    n = value.shown.n
    cells = [*_measured_cells(value), "none", "–", "–", f"{n:,}" if n is not None else "–"]
    return text_row(value.judged.metric, cells)


def _measured_cells(value: LimitValue) -> list[str | Cell]:
    shown = value.shown
    return [Cell(text=_value_text(value, shown), note="; ".join(value.beside)), _interval(value, shown) or "–"]


def _value_text(value: LimitValue, shown: Measured) -> str:
    if shown.value is not None:
        return _number_text(value, shown.value)
    if shown.because == N_TOO_SMALL and shown.n:
        needed = f" of {P95_N_MIN}" if value.name.endswith("_p95_s") else ""
        return f"n too small, {shown.n:,}{needed}"
    return not_measured(value.judged.because)


def _number_text(value: LimitValue, number: float) -> str:
    metric = value.judged.metric
    if metric.endswith("_s"):
        return milliseconds_text(number)
    if metric.endswith("_pct"):
        return percent_text(number)
    if metric == "context_utilisation_ratio":
        return f"{percent_text(100 * number)} of the queries"
    return f"{number:.2f} GB" if metric.endswith("_gb") else ratio_text(number)


def _interval(value: LimitValue, shown: Measured) -> str:
    metric, low, high = value.judged.metric, shown.low, shown.high
    if low is None or high is None:
        return ""
    if metric.endswith("_s"):
        return f"{milliseconds_text(low)} to {milliseconds_text(high)}"
    if metric == "context_utilisation_ratio":
        return interval_text(100 * low, 100 * high, decimals=0) + " %"
    return interval_text(low, high, decimals=0 if metric.endswith("_pct") else 2)
