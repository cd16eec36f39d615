"""Metadata of alerts and limits: what the UI shows next to them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_project.metadata import ROW_COUNT, limit_record, report_link, table_of
from docmind_core.alerts.evaluating import AlertOutcome
from docmind_core.alerts.listing import evaluations_of, open_alerts
from docmind_core.measurements.limit_results import MISSED, NOT_MEASURED, WORST_FIRST, LimitResult, worst_by_limit
from docmind_core.measurements.limit_series import ALL_AGENTS
from docmind_core.metrics.reasons import reason_text
from docmind_core.metrics.signs import from_to, signed
from docmind_core.settings import Settings

EVALUATION_COLUMNS = ("rule_id", "labels", "outcome", "value", "value_low", "value_high", "n", "threshold", "reason")
NO_DATA = "no data"


def described_alerts(settings: Settings, outcome: AlertOutcome) -> dict[str, Any]:
    """Count what changed, and show every evaluation of the benchmark run and every open alert."""
    evaluations = evaluations_of(settings, outcome.benchmark_run)
    opened = [dict(row) for row in open_alerts(settings)]
    return {
        ROW_COUNT: len(evaluations),
        "report_page": report_link(outcome.benchmark_run),
        "open_alerts": len(opened),
        "firing": ", ".join(outcome.firing) or "none",
        "resolved": ", ".join(outcome.resolved) or "none",
        "message_due": outcome.seq is not None,
        "evaluations": table_of([{name: row[name] for name in EVALUATION_COLUMNS} for row in evaluations]),
        "alerts": table_of(opened),
    }


def limit_check_result(results: Sequence[LimitResult], **place: Any) -> dg.AssetCheckResult:
    """Return the check of one limit, or of several: it warns when a series misses its limit.

    What is undecided or not measured does not warn, and is not called met: the description begins with the state.

    Args:
        results: One per series, at least one.
        place: Asset and name of the check.
    """
    worst = min(worst_by_limit(results).values(), key=lambda result: WORST_FIRST.index(result.state))
    return dg.AssetCheckResult(
        passed=all(result.state != MISSED for result in results),
        severity=dg.AssetCheckSeverity.WARN,
        description=_description(worst),
        metadata={
            **_numbers(worst),
            "report_page": report_link(worst.run_id.partition(".")[0]),
            "series": table_of([limit_record(result.row) for result in results]),
        },
        **place,
    )


def _numbers(result: LimitResult) -> dict[str, Any]:
    shown = result.shown
    known = {"value": shown.value, "value_low": shown.low, "value_high": shown.high, "n": shown.n}
    return {
        "state": result.state,
        "limit": result.bound,
        **{name: number for name, number in known.items() if number is not None},
        **({"no_data_because": shown.because} if shown.because else {}),
        **({"notes": "; ".join(result.notes)} if result.notes else {}),
    }


def _description(result: LimitResult) -> str:
    shown = result.shown
    notes = "".join(f", {note}" for note in result.notes)
    whose = result.arm if result.agent == ALL_AGENTS else f"{result.arm}, {result.agent}"
    if shown.value is None:
        word = NO_DATA if result.state == NOT_MEASURED else result.state
        return f"{word}: {reason_text(result.because)} ({result.limit.name}, {whose}, n {shown.n}{notes})"
    interval = (
        "" if shown.low is None or shown.high is None else f" (95 % interval {from_to(shown.low, shown.high, '.4g')})"
    )
    because = f"; {reason_text(result.because)}" if result.because else ""
    limit = f"limit {result.side} {signed(result.bound, '.4g')}"
    number = f"{result.state}: {signed(shown.value, '.4g')}{interval}, {limit}, n {shown.n}"
    return f"{number}, {result.limit.name}, {whose}{notes}{because}"
