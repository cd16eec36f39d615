"""The guide's report window, asked of the published database."""

from dataclasses import dataclass
from datetime import datetime

from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import Record, query_records, query_rows

RECORD_COLUMNS = (
    *("timestamp", "agent_name", "execution_time", "input_tokens", "output_tokens", "total_tokens"),
    *("vram_usage_gb", "vram_missing_because", "performance_level", "run_id", "query_id", "replicate"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The last `hours` before `until`."""

    hours: float
    until: datetime
    """Aware."""

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the queries below."""
        return {"hours": self.hours, "until": self.until}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatistics:
    """A row of `sql/period_statistics.sql`: agent executions of the system, an agent, an hour or an arm."""

    part: str
    """`system`, `agent`, `hour` or `arm`."""
    name: str | None
    hour: datetime | None
    executions: int
    avg_execution_time: float | None
    max_execution_time: float | None
    execution_time_p50: float | None
    execution_time_p95: float | None
    total_tokens: int | None
    tokens_n: int
    avg_tokens: float | None
    tokens_missing_because: str | None
    avg_vram_usage: float | None
    max_vram_usage: float | None
    vram_n: int
    vram_missing_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStatistics:
    """The row of `sql/period_queries.sql`."""

    query_runs: int
    runs: int
    failed: int
    timed: int
    avg_wall_s: float | None
    wall_p50_s: float | None
    wall_p95_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens_missing_because: str | None
    wall_clock_s: float | None
    """Of the runs that were not resumed, as are the two sums below; None when there is none of them."""
    clocked_prompt_tokens: int | None
    clocked_completion_tokens: int | None
    resumed_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatistics:
    """A row of `sql/period_devices.sql`."""

    source: str
    name: str | None
    driver: str | None
    samples: int
    peak_vram_gb: float | None
    total_vram_gb: float | None
    kv_cache_usage_peak_ratio: float | None
    host_memory_used_peak_gib: float | None
    host_cpu_avg_pct: float | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInPeriod:
    """A row of `sql/period_runs.sql`."""

    arm: str
    profile: str | None
    """Of the engine; None on a remote one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStatistics:
    """Everything the report of a window shows."""

    window: Window
    parts: tuple[PartStatistics, ...]
    queries: QueryStatistics
    devices: tuple[DeviceStatistics, ...]
    runs: tuple[RunInPeriod, ...]

    def of(self, part: str) -> tuple[PartStatistics, ...]:
        """Return the rows of one part."""
        return tuple(row for row in self.parts if row.part == part)

    @property
    def system(self) -> PartStatistics:
        """All executions together."""
        return self.of("system")[0]


def read_period(settings: Settings, window: Window) -> PeriodStatistics:
    """Read the statistics of a window.

    Raises:
        StoreError: If there is no database yet.
    """
    return PeriodStatistics(
        window=window,
        parts=_read(settings, PartStatistics, "period_statistics", window),
        queries=_read(settings, QueryStatistics, "period_queries", window)[0],
        devices=_read(settings, DeviceStatistics, "period_devices", window),
        runs=_read(settings, RunInPeriod, "period_runs", window),
    )


def read_records(settings: Settings, window: Window, *, newest: int) -> list[dict[str, object]]:
    """Return the newest agent executions of a window, oldest first, under the guide's names."""
    columns = ", ".join(f'"{name}"' for name in RECORD_COLUMNS)
    _, rows = query_rows(
        settings,
        f"select {columns} from report_period($hours, until := $until) "
        'order by "timestamp" desc, run_id, query_id, replicate, agent_name limit $newest',
        {**window.parameters, "newest": newest},
    )
    return [dict(zip(RECORD_COLUMNS, row, strict=True)) for row in reversed(rows)]


def _read(settings: Settings, record: type[Record], name: str, window: Window) -> tuple[Record, ...]:
    return query_records(settings, record, sql_text(name), window.parameters)
