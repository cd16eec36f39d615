"""The tables of the guide's report, as text for HTML and Markdown."""

from docmind_core.measurements.guide_grade import GuideGrade
from docmind_core.reports.cells import Cell, Table, figure, no_p95, table_row
from docmind_core.reports.number_text import count_text, duration_text, moment_text
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.period import DeviceStatistics, PartStatistics, PeriodStatistics


def agents_table(statistics: PeriodStatistics) -> Table:
    """One row per agent, and one for all of them."""
    rows = [table_row(str(row.name), _execution_cells(row)) for row in statistics.of("agent")]
    return Table(
        caption="Agent executions, which the guide's report counts. A p95 needs 130 of them",
        columns=("agent", "executions", "mean time", "median", "p95", "longest", "mean tokens", "mean VRAM"),
        rows=(*rows, table_row("all together", _execution_cells(statistics.system))),
    )


def arms_table(statistics: PeriodStatistics) -> Table:
    """One row per arm: pooling arms says nothing about any of them."""
    return Table(
        caption="The same by arm; like the guide, the figures above pool all arms of the period",
        columns=("arm", "executions", "mean time", "median", "p95", "longest", "mean tokens", "mean VRAM"),
        rows=tuple(table_row(str(row.name), _execution_cells(row)) for row in statistics.of("arm")),
    )


def queries_table(statistics: PeriodStatistics) -> Table:
    """The queries that the executions belong to."""
    queries = statistics.queries
    seconds, because = queries.wall_clock_s, queries.tokens_missing_because
    left_out = f"{count_text(queries.resumed_runs)} resumed left out" if queries.resumed_runs else ""
    if seconds is None and left_out:
        because = "resumed"
    return Table(
        caption="Queries: user-visible time. Throughput is per wall-clock second, prompt and completion separately",
        columns=("", "value"),
        rows=(
            table_row("query runs", [figure(queries.query_runs, "count", remark=f"{queries.failed:,} failed")]),
            table_row("runs (arms)", [figure(queries.runs, "count")]),
            table_row("mean time", [figure(queries.avg_wall_s, "s", because="no query with a time")]),
            table_row("median", [figure(queries.wall_p50_s, "s", because="no query with a time")]),
            table_row("p95", [_p95(queries.wall_p95_s, queries.timed)]),
            table_row(
                "wall clock of the runs",
                [figure(seconds, "s", because=because, words=duration_text(seconds), remark=left_out)],
            ),
            table_row("prompt tokens per second", [_rate(queries.clocked_prompt_tokens, seconds, because)]),
            table_row("completion tokens per second", [_rate(queries.clocked_completion_tokens, seconds, because)]),
        ),
    )


def hours_table(statistics: PeriodStatistics) -> Table:
    """One row per hour of a date in UTC."""
    return Table(
        caption="Agent executions by hour, UTC",
        columns=("hour", "executions", "mean time", "longest", "tokens", "mean VRAM", "highest VRAM"),
        rows=tuple(
            table_row(
                moment_text(row.hour),
                [
                    figure(row.executions, "count"),
                    figure(row.avg_execution_time, "s"),
                    figure(row.max_execution_time, "s"),
                    _tokens(row),
                    figure(row.avg_vram_usage, "GB", because=row.vram_missing_because),
                    figure(row.max_vram_usage, "GB", because=row.vram_missing_because),
                ],
            )
            for row in statistics.of("hour")
        ),
    )


def grade_table(grade: GuideGrade) -> Table:
    """The four parts of the guide grade and their sum."""
    rows = [table_row(name, [figure(points, "count")]) for name, points in grade.parts.items()]
    return Table(
        caption="Guide grade: the four parts of 25 points each",
        columns=("part", "points"),
        rows=(*rows, table_row("sum", [f"{grade.points} of {grade.points_possible}"])),
    )


def devices_table(statistics: PeriodStatistics) -> Table:
    """What the machine was; without a GPU it says so."""
    return Table(
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
        rows=tuple(table_row(row.source, _device_cells(row)) for row in statistics.devices),
    )


def _mean_vram(row: PartStatistics) -> Cell:
    partly = row.avg_vram_usage is not None and row.vram_n < row.executions
    remark = f"n {row.vram_n:,} of {row.executions:,}, so not graded" if partly else ""
    return figure(row.avg_vram_usage, "GB", because=row.vram_missing_because, remark=remark)


def _execution_cells(row: PartStatistics) -> list[str | Cell]:
    tokens = Estimate(value=row.avg_tokens, n=row.tokens_n, because=row.tokens_missing_because)
    return [
        figure(row.executions, "count"),
        figure(row.avg_execution_time, "s"),
        figure(row.execution_time_p50, "s"),
        _p95(row.execution_time_p95, row.executions),
        figure(row.max_execution_time, "s"),
        figure(tokens, "tokens", total=row.executions),
        _mean_vram(row),
    ]


def _device_cells(row: DeviceStatistics) -> list[str | Cell]:
    is_gpu, status = row.source == "nvml", (row.status or "").removeprefix("unavailable:")
    kv_cache, cpu = row.kv_cache_usage_peak_ratio, row.host_cpu_avg_pct
    memory = row.host_memory_used_peak_gib
    return [
        Cell(words=row.name or "–", remark=f"driver {row.driver}" if row.driver else ""),
        figure(row.samples, "count"),
        "–" if row.source == "engine" else figure(row.peak_vram_gb, "GB", because=status),
        figure(row.total_vram_gb, "GB", because=status) if is_gpu else "–",
        figure(100 * kv_cache, "%") if kv_cache is not None else "–",
        figure(memory, "GiB") if memory is not None else "–",
        figure(cpu, "%") if cpu is not None else "–",
    ]


def _p95(value: float | None, n: int) -> Cell:
    return no_p95(n, "s") if value is None else figure(value, "s")


def _tokens(row: PartStatistics) -> Cell:
    left_out = row.executions - row.tokens_n
    remark = f"without {left_out:,} executions" if left_out and row.total_tokens is not None else ""
    return figure(row.total_tokens, "tokens", because=row.tokens_missing_because, remark=remark)


def _rate(tokens: int | None, seconds: float | None, because: str | None) -> Cell:
    rate = tokens / seconds if tokens is not None and seconds else None
    return figure(rate, "tokens/s", because=because or "no time passed")
