"""Metadata of alerts and limits: what a person sees in the UI beside them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_project.metadata import ROW_COUNT, table_of
from docmind_core.alerts.evaluating import AlertOutcome
from docmind_core.alerts.listing import evaluations_of, open_alerts
from docmind_core.measurements.limit_values import LimitValue, worst_by_limit
from docmind_core.measurements.limits import MET, NOT_MEASURED
from docmind_core.settings import Settings

EVALUATION_COLUMNS = ("rule_id", "labels", "outcome", "value", "value_low", "value_high", "n", "threshold", "reason")
NO_DATA = "no data"


def described_alerts(settings: Settings, outcome: AlertOutcome) -> dict[str, Any]:
    """Count what changed, and show every evaluation of the benchmark run and every open alert."""
    evaluations = evaluations_of(settings, outcome.benchmark_run)
    opened = [dict(row) for row in open_alerts(settings)]
    return {
        ROW_COUNT: len(evaluations),
        "open_alerts": len(opened),
        "firing": ", ".join(outcome.firing) or "none",
        "resolved": ", ".join(outcome.resolved) or "none",
        "message_due": outcome.seq is not None,
        "evaluations": table_of([{name: row[name] for name in EVALUATION_COLUMNS} for row in evaluations]),
        "alerts": table_of(opened),
    }


def limit_check_result(name: str, values: Sequence[LimitValue], **place: Any) -> dg.AssetCheckResult:
    """Return the check of one limit: green only when every series of it is proved to keep it.

    A limit that is broken, undecided or not measured warns; the description begins with which of them it is.

    Args:
        name: Of the limit.
        values: One per series of this limit, at least one.
        place: Asset and name of the check.
    """
    worst = worst_by_limit(values)[name]
    return dg.AssetCheckResult(
        passed=all(value.judged.state == MET for value in values),
        severity=dg.AssetCheckSeverity.WARN,
        description=_description(worst),
        metadata={**_numbers(worst), "series": table_of([_row(value) for value in values])},
        **place,
    )


def _numbers(value: LimitValue) -> dict[str, Any]:
    shown = value.shown
    known = {"value": shown.value, "value_low": shown.low, "value_high": shown.high, "n": shown.n}
    return {
        "state": value.judged.state,
        "limit": value.bound,
        **{name: number for name, number in known.items() if number is not None},
        **({"no_data_because": shown.because} if shown.because else {}),
        **({"beside": "; ".join(value.beside)} if value.beside else {}),
    }


def _row(value: LimitValue) -> dict[str, object]:
    shown, judged = value.shown, value.judged
    return {
        "arm": value.arm,
        "agent": value.agent,
        "value": shown.value,
        "value_low": shown.low,
        "value_high": shown.high,
        "limit": value.bound,
        "state": judged.state,
        "n": shown.n,
        "because": judged.because,
    }


def _description(value: LimitValue) -> str:
    shown, judged = value.shown, value.judged
    notes = "".join(f", {note}" for note in value.beside)
    whose = f"{value.arm}, {value.agent}" if value.agent else value.arm
    if shown.value is None:
        word = NO_DATA if judged.state == NOT_MEASURED else judged.state
        return f"{word}: {judged.because} ({whose}, n {shown.n or 0}{notes})"
    interval = (
        "" if shown.low is None or shown.high is None else f" (95 % interval {shown.low:.4g} to {shown.high:.4g})"
    )
    side = "at least" if value.is_minimum else "at most"
    because = f"; {judged.because}" if judged.because else ""
    number = f"{judged.state}: {shown.value:.4g}{interval}, limit {side} {value.bound:.4g}, n {shown.n}"
    return f"{number}, {whose}{notes}{because}"
