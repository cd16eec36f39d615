"""The tables of the guide's report, as text for HTML and Markdown."""

from docmind_core.measurements.guide_grade import GuideGrade
from docmind_core.metrics.limits import P95_N_MIN
from docmind_core.reports.number_text import (
    count_text,
    duration_text,
    milliseconds_text,
    moment_text,
    not_measured,
)
from docmind_core.reports.text_table import Cell, TextTable, text_row
from docmind_core.tables.period import DeviceStatistics, PartStatistics, PeriodStatistics


def agents_table(statistics: PeriodStatistics) -> TextTable:
    """One row per agent, and one for all of them."""
    rows = [text_row(str(row.name), _execution_cells(row)) for row in statistics.of("agent")]
    return TextTable(
        caption="Agent executions: what the guide's report counts. A p95 needs 130 of them",
        columns=("agent", "executions", "mean time", "median", "p95", "longest", "mean tokens", "mean VRAM"),
        rows=(*rows, text_row("all together", _execution_cells(statistics.system))),
    )


def arms_table(statistics: PeriodStatistics) -> TextTable:
    """One row per arm: pooling arms says nothing about any of them."""
    return TextTable(
        caption="The same by arm; the figures above pool every arm of the period, as the guide does",
        columns=("arm", "executions", "mean time", "median", "p95", "longest", "mean tokens", "mean VRAM"),
        rows=tuple(text_row(str(row.name), _execution_cells(row)) for row in statistics.of("arm")),
    )


def queries_table(statistics: PeriodStatistics) -> TextTable:
    """The queries that the executions belong to."""
    queries = statistics.queries
    seconds, because = queries.wall_clock_s, queries.tokens_missing_because
    left_out = f"{count_text(queries.resumed_runs)} resumed left out" if queries.resumed_runs else ""
    if seconds is None and left_out:
        because = "resumed"
    return TextTable(
        caption="Queries: how long people wait. Throughput is over the wall clock, prompt and completion apart",
        columns=("", "value"),
        rows=(
            text_row("query runs", [Cell(text=count_text(queries.query_runs), note=f"{queries.failed:,} failed")]),
            text_row("runs (arms)", [count_text(queries.runs)]),
            text_row("mean time", [milliseconds_text(queries.avg_wall_s, "no query with a time")]),
            text_row("median", [milliseconds_text(queries.wall_p50_s, "no query with a time")]),
            text_row("p95", [_p95(queries.wall_p95_s, queries.timed)]),
            text_row("wall clock of the runs", [Cell(text=duration_text(seconds, because), note=left_out)]),
            text_row("prompt tokens per second", [_rate(queries.clocked_prompt_tokens, seconds, because)]),
            text_row("completion tokens per second", [_rate(queries.clocked_completion_tokens, seconds, because)]),
        ),
    )


def hours_table(statistics: PeriodStatistics) -> TextTable:
    """One row per hour of a date in UTC."""
    return TextTable(
        caption="Agent executions by hour, UTC",
        columns=("hour", "executions", "mean time", "longest", "tokens", "mean VRAM", "highest VRAM"),
        rows=tuple(
            text_row(
                moment_text(row.hour),
                [
                    count_text(row.executions),
                    milliseconds_text(row.avg_execution_time),
                    milliseconds_text(row.max_execution_time),
                    _tokens(row),
                    _gb(row.avg_vram_usage, row.vram_missing_because),
                    _gb(row.max_vram_usage, row.vram_missing_because),
                ],
            )
            for row in statistics.of("hour")
        ),
    )


def grade_table(grade: GuideGrade) -> TextTable:
    """The four parts of the guide grade and their sum."""
    rows = [text_row(name, [count_text(points)]) for name, points in grade.parts.items()]
    return TextTable(
        caption="Guide grade: the four parts of 25 points each",
        columns=("part", "points"),
        rows=(*rows, text_row("sum", [f"{grade.points} of {grade.points_possible}"])),
    )


def devices_table(statistics: PeriodStatistics) -> TextTable:
    """What the machine was; without a GPU it says so."""
    return TextTable(
        caption="Devices sampled during the runs",
        columns=(
            "source",
            "device",
            "samples",
            "highest VRAM",
            "of",
            "KV cache, highest",
            "host memory, highest",
            "CPU",
        ),
        rows=tuple(text_row(row.source, _device_cells(row)) for row in statistics.devices),
    )


def _mean_vram(row: PartStatistics) -> Cell:
    partly = row.avg_vram_usage is not None and row.vram_n < row.executions
    note = f"n {row.vram_n:,} of {row.executions:,}, so not graded" if partly else ""
    return Cell(text=_gb(row.avg_vram_usage, row.vram_missing_because), note=note)


def _execution_cells(row: PartStatistics) -> list[str | Cell]:
    return [
        count_text(row.executions),
        milliseconds_text(row.avg_execution_time),
        milliseconds_text(row.execution_time_p50),
        _p95(row.execution_time_p95, row.executions),
        milliseconds_text(row.max_execution_time),
        Cell(
            text=count_text(row.avg_tokens, row.tokens_missing_because),
            note=f"n {row.tokens_n:,} of {row.executions:,}" if row.tokens_n < row.executions else "",
        ),
        _mean_vram(row),
    ]


def _device_cells(row: DeviceStatistics) -> list[str | Cell]:
    is_gpu, status = row.source == "nvml", (row.status or "").removeprefix("unavailable:")
    kv_cache, cpu = row.kv_cache_usage_peak_ratio, row.host_cpu_avg_pct
    memory = row.host_memory_used_peak_gib
    return [
        Cell(text=row.name or "–", note=f"driver {row.driver}" if row.driver else ""),
        count_text(row.samples),
        "–" if row.source == "engine" else _gb(row.peak_vram_gb, status or None),
        _gb(row.total_vram_gb, status or None) if is_gpu else "–",
        f"{100 * kv_cache:.0f} %" if kv_cache is not None else "–",
        f"{memory:.1f} GiB" if memory is not None else "–",
        f"{cpu:.0f} %" if cpu is not None else "–",
    ]


def _p95(value: float | None, n: int) -> str:
    return milliseconds_text(value, f"n too small, {n:,} of {P95_N_MIN}")


def _tokens(row: PartStatistics) -> Cell:
    left_out = row.executions - row.tokens_n
    return Cell(
        text=count_text(row.total_tokens, row.tokens_missing_because),
        note=f"without {left_out:,} executions" if left_out and row.total_tokens is not None else "",
    )


def _rate(tokens: int | None, seconds: float | None, because: str | None) -> str:
    if tokens is None or not seconds:
        return not_measured(because or "no time passed")
    return f"{tokens / seconds:,.1f}"


def _gb(value: float | None, because: str | None) -> str:
    return not_measured(because) if value is None else f"{value:.2f} GB"
