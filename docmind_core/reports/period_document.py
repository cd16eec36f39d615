"""The guide's report as a document: its seven keys, plus what the guide leaves out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from docmind_core.measurements.guide_grade import (
    KNOWN_FAULTS,
    ExecutionStatistics,
    GuideGrade,
    guide_grade_v1,
    token_block,
)
from docmind_core.metrics.limits import default_limits
from docmind_core.reports.recommendations import Recommendation, levers_on, recommend, sentences
from docmind_core.tables.period import DeviceStatistics, PartStatistics, PeriodStatistics, Window

Document = dict[str, object]

SCHEMA_VERSION = 1
EMPTY: Mapping[str, object] = {"status": "No recent metrics available"}
GUIDE_THRESHOLDS = {
    "agent_execution_time_max": "agent_latency_p95_s",
    "token_efficiency_min": "reduction_pct_min",
    "context_utilization_max": "context_utilisation_ratio",
    "vram_usage_max": "vram_process_peak_gb",
    "coordination_overhead_max": "coordination_overhead_p95_s",
}
"""The guide's name of each threshold to ours."""


def period_document(statistics: PeriodStatistics) -> Document:
    """Build the guide's report of a window; without any execution or query, its empty state."""
    if statistics.system.executions == 0 and statistics.queries.query_runs == 0:
        return dict(EMPTY)
    system = execution_statistics(statistics.system)
    found = period_recommendations(statistics)
    grade = guide_grade_v1(system)
    return {
        "schema_version": SCHEMA_VERSION,
        "period": _period(statistics.window),
        "report_period_hours": _whole(statistics.window.hours),
        "agent_performance": {str(row.name): _agent(row) for row in statistics.of("agent")},
        "system_performance": _system(statistics),
        "hourly_trends": {_iso(row.hour): _hour(row) for row in statistics.of("hour") if row.hour},
        "token_efficiency": {**_token_block(system), "wall_clock": _wall_clock(statistics)},
        "performance_grade": grade.grade,
        "performance_grade_points": grade_points(grade),
        "performance_grade_faults": list(KNOWN_FAULTS),
        "recommendations": list(sentences(found)),
        "recommendation_evidence": [_evidence(one) for one in found],
        "executions_by_arm": {str(row.name): row.executions for row in statistics.of("arm")},
        "devices": [_device(row) for row in statistics.devices],
    }


def export_document(
    document: Document, records: Sequence[Mapping[str, object]], executions: int, written_at: datetime
) -> Document:
    """Add what the guide's export holds: when, how many records, the records and the thresholds."""
    limits = default_limits()
    return {
        **document,
        "export_timestamp": _iso(written_at),
        "metrics_count": executions,
        "metrics_left_out": executions - len(records),
        "metrics": [{name: _plain(value) for name, value in record.items()} for record in records],
        "performance_thresholds": {
            guides: limits[ours] * (100 if guides == "context_utilization_max" else 1)
            for guides, ours in GUIDE_THRESHOLDS.items()
        },
    }


def period_recommendations(statistics: PeriodStatistics) -> tuple[Recommendation, ...]:
    """Return what the guide recommends; a lever counts as on when it was on in every run of the window."""
    agents = {str(row.name): execution_statistics(row) for row in statistics.of("agent")}
    of_runs = [levers_on(run.arm, run.profile) for run in statistics.runs]
    on = frozenset.intersection(*of_runs) if of_runs else frozenset()
    return recommend(agents, execution_statistics(statistics.system), on)


def execution_statistics(row: PartStatistics) -> ExecutionStatistics:
    """Return what the guide's formulas take; tokens are None as soon as one execution lacks them."""
    return ExecutionStatistics(
        executions=row.executions,
        avg_execution_time_s=row.avg_execution_time,
        avg_vram_gb=row.avg_vram_usage,
        total_tokens=row.total_tokens if row.tokens_n == row.executions else None,
        vram_n=row.vram_n,
    )


def grade_points(grade: GuideGrade) -> Document:
    """Return the points by part, None where the part was not measured."""
    parts = {name.replace(" ", "_").lower(): points for name, points in grade.parts.items()}
    return {**parts, "points": grade.points, "points_possible": grade.points_possible}


def _agent(row: PartStatistics) -> Document:
    return {
        "avg_execution_time": row.avg_execution_time,
        "max_execution_time": row.max_execution_time,
        "avg_tokens": row.avg_tokens,
        "avg_vram_usage": row.avg_vram_usage,
        "execution_count": row.executions,
        "execution_time_p50": row.execution_time_p50,
        "execution_time_p95": row.execution_time_p95,
        "tokens_n": row.tokens_n,
        "vram_n": row.vram_n,
        "vram_missing_because": row.vram_missing_because,
    }


def _system(statistics: PeriodStatistics) -> Document:
    row, queries = statistics.system, statistics.queries
    known = row.tokens_n == row.executions
    return {
        "counted": "agent executions",
        "total_executions": row.executions,
        "avg_execution_time": row.avg_execution_time,
        "total_tokens_processed": row.total_tokens if known else None,
        "tokens_missing_because": None if known else row.tokens_missing_because,
        "avg_vram_usage": row.avg_vram_usage,
        "peak_vram_usage": row.max_vram_usage,
        "vram_n": row.vram_n,
        "vram_missing_because": row.vram_missing_because,
        "per_query": {
            "query_runs": queries.query_runs,
            "runs": queries.runs,
            "failed": queries.failed,
            "timed": queries.timed,
            "avg_execution_time": queries.avg_wall_s,
            "execution_time_p50": queries.wall_p50_s,
            "execution_time_p95": queries.wall_p95_s,
        },
    }


def _hour(row: PartStatistics) -> Document:
    return {
        "executions": row.executions,
        "execution_time": {"mean": _rounded(row.avg_execution_time), "max": _rounded(row.max_execution_time)},
        "total_tokens": {"sum": row.total_tokens},
        "vram_usage_gb": {"mean": _rounded(row.avg_vram_usage), "max": _rounded(row.max_vram_usage)},
        "vram_missing_because": row.vram_missing_because,
    }


def _token_block(system: ExecutionStatistics) -> Document:
    block = token_block(system)
    return {
        "tokens_per_second": block.tokens_per_second,
        "avg_tokens_per_execution": block.avg_tokens_per_execution,
        "token_processing_efficiency": block.token_processing_efficiency,
    }


def _wall_clock(statistics: PeriodStatistics) -> Document:
    queries = statistics.queries
    return {
        "seconds": queries.wall_clock_s,
        "prompt_tokens_per_second": _per_second(queries.clocked_prompt_tokens, queries.wall_clock_s),
        "completion_tokens_per_second": _per_second(queries.clocked_completion_tokens, queries.wall_clock_s),
        "tokens_missing_because": queries.tokens_missing_because,
        "resumed_runs_left_out": queries.resumed_runs,
        "seconds_missing_because": "resumed" if queries.resumed_runs and queries.wall_clock_s is None else None,
    }


def _evidence(one: Recommendation) -> Document:
    return {
        "recommendation": one.text,
        "metric": one.metric,
        "value": one.value,
        "threshold": one.threshold,
        "n": one.n,
        "lever": one.lever,
        "held_back": one.held_back,
    }


def _device(row: DeviceStatistics) -> Document:
    return {name: value for name in DeviceStatistics.__slots__ if (value := getattr(row, name)) is not None}


def _period(window: Window) -> Document:
    begin = window.until - timedelta(hours=window.hours)
    return {"from": _iso(begin), "until": _iso(window.until)}


def _per_second(tokens: int | None, seconds: float | None) -> float | None:
    return tokens / seconds if tokens is not None and seconds else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _whole(hours: float) -> float | int:
    return int(hours) if hours == int(hours) else hours


def _plain(value: object) -> object:
    return _iso(value) if isinstance(value, datetime) else value


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
