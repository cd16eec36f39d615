"""Metadata of alerts and limits: what a person sees in the UI beside them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_project.metadata import ROW_COUNT, table_of
from docmind_core.alerts.evaluating import AlertOutcome
from docmind_core.alerts.listing import evaluations_of, open_alerts
from docmind_core.measurements.limit_values import LimitValue, worst_by_limit
from docmind_core.measurements.limits import MISSED, NOT_MEASURED
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
    """Return the check of one limit: it warns when the limit is proved broken, and says when there is no data.

    Args:
        name: Of the limit; a suite may not set it.
        values: One per series of this limit.
        place: Asset and name of the check.
    """
    if not values:
        return dg.AssetCheckResult(passed=True, description="the suite does not set this limit", **place)
    worst = worst_by_limit(values)[name]
    return dg.AssetCheckResult(
        passed=all(value.judged.state != MISSED for value in values),
        severity=dg.AssetCheckSeverity.WARN,
        description=_description(worst),
        metadata={**_numbers(worst), "series": table_of([_row(value) for value in values])},
        **place,
    )


def _numbers(value: LimitValue) -> dict[str, Any]:
    measured = value.measured
    known = {"value": measured.value, "value_low": measured.low, "value_high": measured.high, "n": measured.n}
    return {
        "state": value.judged.state,
        "limit": value.limit,
        **{name: number for name, number in known.items() if number is not None},
        **({"no_data_because": measured.because} if measured.because else {}),
    }


def _row(value: LimitValue) -> dict[str, object]:
    measured, judged = value.measured, value.judged
    return {
        "arm": value.arm,
        "agent": value.agent,
        "value": measured.value,
        "value_low": measured.low,
        "value_high": measured.high,
        "limit": value.limit,
        "state": judged.state,
        "n": measured.n,
        "because": judged.because,
    }


def _description(value: LimitValue) -> str:
    measured, judged = value.measured, value.judged
    whose = f"{value.arm}, {value.agent}" if value.agent else value.arm
    if measured.value is None:
        word = NO_DATA if judged.state == NOT_MEASURED else judged.state
        return f"{word}: {judged.because} ({whose}, n {measured.n or 0})"
    interval = "no interval" if measured.low is None else f"95 % interval {measured.low:.4g} to {measured.high:.4g}"
    side = "at least" if value.is_minimum else "at most"
    because = f"; {judged.because}" if judged.because else ""
    bound = f"limit {side} {value.limit:.4g}"
    return f"{judged.state}: {measured.value:.4g} ({interval}), {bound}, n {measured.n}, {whose}{because}"
