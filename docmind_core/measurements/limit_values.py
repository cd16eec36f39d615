"""What a benchmark run says about each limit: value, interval, n, or why there is none."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from docmind_core.measurements.limits import JudgedLimit, Measured, judge_limits
from docmind_core.measurements.paired import Row, number
from docmind_core.statistics.estimates import N_TOO_SMALL, clustered_mean, quantile_interval, wilson_interval
from docmind_core.statistics.limit_tests import quantile, quantile_above_p, share_below_p
from docmind_core.statistics.pairs import reduction_pct
from docmind_core.suites.limits import KNOWN_LIMITS, effective_limits
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment

P95 = 0.95
P95_N_MIN = 130
"""Below, the bound of a p95 does not hold with 99 % confidence: it gets no interval."""
GB_PER_GIB = 1.073741824
PREFILL_TOKENS = "request_prefill_kv_computed_tokens_sum"
PREFILL_SECONDS = "request_prefill_time_seconds_sum"
SYSTEM_ARMS = ("tuned", "naive_supervisor")
_QUERY_COLUMNS = (
    *("query_id", "replicate", "cluster_id", "phase", "status", "fallback"),
    *("times_missing_because", "context_utilisation_ratio", "coordination_overhead_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitValue:
    """One limit in one series: the arm judged, and the agent where the limit holds for each."""

    name: str
    """As under `limits:`."""
    limit: float
    is_minimum: bool
    run_id: str
    arm: str
    agent: str | None
    measured: Measured
    worse_p: float | None = None
    """One-sided p of the exact test that the limit is broken; None where there is no such test."""

    @property
    def judged(self) -> JudgedLimit:
        """Met, missed, undecided or not measured, by the interval."""
        return judge_limits({self.name: self.limit}, {KNOWN_LIMITS[self.name].metric: self.measured})[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    folder: Path
    run_id: str
    query_runs: Sequence[Row]

    @property
    def because(self) -> str:
        """Why times are missing: the most frequent reason of its queries."""
        reasons = Counter(str(row["times_missing_because"]) for row in self.query_runs if row["times_missing_because"])
        return reasons.most_common(1)[0][0] if reasons else N_TOO_SMALL

    def rows(self, table: str, *columns: str) -> list[dict[str, object]]:
        return read_segment(self.folder, table, self.run_id, columns=columns)


_Found = tuple[str | None, Measured, float | None]
"""Agent, value, one-sided p."""


def judged_arm(suite: Suite) -> str:
    """Return the arm that the limits of a suite hold for: `tuned`, else `naive_supervisor`, else the first one."""
    return next((arm for arm in SYSTEM_ARMS if arm in suite.arms), suite.arms[0])


def measure_limits(
    folder: Path, benchmark_run: str, suite: Suite, limits: Mapping[str, float] | None = None
) -> tuple[LimitValue, ...]:
    """Measure each limit of a benchmark run, whatever of it is there.

    Args:
        folder: Of the segments.
        benchmark_run: Its key.
        suite: What it ran; the limits hold for its `judged_arm`.
        limits: Names and values; by default the guide's five with the suite's own.

    Returns:
        One value per limit, for `agent_latency_p95_s` one per agent.
    """
    arm = judged_arm(suite)
    run_id = f"{benchmark_run}.{arm}"
    read = read_segment(folder, "query_runs", run_id, columns=_QUERY_COLUMNS)
    rows = [row for row in read if row["phase"] != "warmup"]
    run = _Run(folder=folder, run_id=run_id, query_runs=rows)
    return tuple(
        LimitValue(
            name=name,
            limit=limit,
            is_minimum=KNOWN_LIMITS[name].is_minimum,
            run_id=run_id,
            arm=arm,
            agent=agent,
            measured=measured,
            worse_p=worse_p,
        )
        for name, limit in (effective_limits(suite.limits) if limits is None else limits).items()
        for agent, measured, worse_p in _MEASURED[name](run, limit)
    )


def worst_by_limit(values: Sequence[LimitValue]) -> dict[str, LimitValue]:
    """Return the value nearest to, or furthest beyond, its limit by name; one without a value only when alone."""
    worst: dict[str, LimitValue] = {}
    for value in values:
        before = worst.get(value.name)
        if before is None or _badness(value) > _badness(before):
            worst[value.name] = value
    return worst


def _badness(value: LimitValue) -> float:
    if value.measured.value is None:
        return float("-inf")
    return -value.measured.value if value.is_minimum else value.measured.value


def _agent_latency(run: _Run, limit: float) -> list[_Found]:
    known = {(row["query_id"], row["replicate"]) for row in run.query_runs}
    times: dict[str, list[float]] = {}
    for row in run.rows("spans", "query_id", "replicate", "op", "name", "t0", "t1"):
        if row["op"] == "invoke_agent" and (row["query_id"], row["replicate"]) in known:
            times.setdefault(str(row["name"]), []).append((int(str(row["t1"])) - int(str(row["t0"]))) / 1e9)
    if not times:
        return [(None, Measured(n=0, because=run.because), None)]
    return [(agent, *_p95(seconds, limit, run.because)) for agent, seconds in sorted(times.items())]


def _column_p95(column: str, *, missing: str | None = None) -> Callable[[_Run, float], list[_Found]]:
    def measure(run: _Run, limit: float) -> list[_Found]:
        values = [value for row in run.query_runs if (value := number(row[column])) is not None]
        return [(None, *_p95(values, limit, missing or run.because))]

    return measure


def _p95(values: Sequence[float], limit: float, because: str) -> tuple[Measured, float | None]:
    value = quantile(values, P95)
    if value is None:
        return Measured(n=0, because=because), None
    interval = quantile_interval(values, P95) if len(values) >= P95_N_MIN else None
    low, high = interval or (None, None)
    measured = Measured(value=value, low=low, high=high, n=len(values), because=None if interval else N_TOO_SMALL)
    return measured, quantile_above_p(values, P95, limit)


def _reduction(run: _Run, limit: float) -> list[_Found]:
    for row in run.rows(
        "comparisons", "agent", "slice", "metric", "baseline_run_id", "delta", "delta_low", "delta_high", "n"
    ):
        is_total = row["agent"] == "all" and row["slice"] == "all" and row["metric"] == "billed_tokens"
        if is_total and str(row["baseline_run_id"]).endswith(".naive_supervisor"):
            # On the log scale a smaller ratio is a larger reduction: the ends change places.
            measured = Measured(
                value=reduction_pct(number(row["delta"])),
                low=reduction_pct(number(row["delta_high"])),
                high=reduction_pct(number(row["delta_low"])),
                n=int(str(row["n"] or 0)),
            )
            missing = measured.value is None or measured.low is None
            return [(None, replace(measured, because=N_TOO_SMALL) if missing else measured, None)]
    return [(None, Measured(n=0, because="not_compared"), None)]


def _vram(run: _Run, limit: float) -> list[_Found]:
    read = run.rows("device_samples", "source", "status", "vram_process_gib", "mem_used_gib")
    samples = [row for row in read if row["source"] != "engine"]
    # Inside a container the driver hides what processes hold: then all memory in use on the GPU counts.
    held = [number(row["vram_process_gib"]) or number(row["mem_used_gib"]) for row in samples]
    used = [value for value in held if value is not None]
    if not used:
        reasons = {str(row["status"]).partition(":")[2] for row in samples} & {"no_gpu", "not_supported"}
        return [(None, Measured(n=0, because=min(reasons, default="not_sampled")), None)]
    peak = max(used) * GB_PER_GIB
    return [(None, Measured(value=peak, low=peak, high=peak, n=len(used)), None)]


def _pass_ratio(run: _Run, limit: float) -> list[_Found]:
    clusters = {(row["query_id"], row["replicate"]): str(row["cluster_id"]) for row in run.query_runs}
    scores = [
        (float(str(row["value"])), clusters[key])
        for row in run.rows("measurements", "query_id", "replicate", "metric", "value")
        if row["metric"] == "passed" and row["value"] is not None
        if (key := (row["query_id"], row["replicate"])) in clusters
    ]
    return [_share([value for value, _ in scores], [cluster for _, cluster in scores], limit, missing="no_gold")]


def _good_ratio(run: _Run, limit: float) -> list[_Found]:
    good = [float(row["status"] == "answered" and not row["fallback"]) for row in run.query_runs]
    return [_share(good, list(range(len(good))), limit, missing=N_TOO_SMALL)]


def _decoding(run: _Run, limit: float) -> list[_Found]:
    """The median of the calls; a faster engine never misses a minimum, though upstream's validator failed one."""
    calls = run.rows("llm_calls", "decode_tps", "phase")
    speeds = [value for row in calls if row["phase"] != "warmup" if (value := number(row["decode_tps"])) is not None]
    value, interval = quantile(speeds, 0.5), quantile_interval(speeds, 0.5)
    if value is None:
        return [(None, Measured(n=0, because=run.because), None)]
    low, high = interval or (None, None)
    return [
        (
            None,
            Measured(value=value, low=low, high=high, n=len(speeds), because=None if interval else N_TOO_SMALL),
            None,
        )
    ]


def _prefilling(run: _Run, limit: float) -> list[_Found]:
    """Computed prompt tokens / prefill time, both as the engine counts them, over the whole arm."""
    counters = run.rows("engine_counters", "counter", "moment", "value")
    tokens, seconds = (growth(counters, name) for name in (PREFILL_TOKENS, PREFILL_SECONDS))
    if not tokens or not seconds:
        return [(None, Measured(n=0, because="not_supported"), None)]
    speed = tokens / seconds
    return [(None, Measured(value=speed, low=speed, high=speed, n=1), None)]


def growth(counters: Sequence[Mapping[str, object]], name: str) -> float | None:
    """Return by how much an engine's counter grew over all sessions; None when it was not offered."""
    signed = [
        (1 if row["moment"] == "after" else -1) * value
        for row in counters
        if row["counter"] == name and (value := number(row["value"])) is not None
    ]
    return sum(signed) if signed else None


def _share(values: Sequence[float], clusters: Sequence[object], limit: float, *, missing: str) -> _Found:
    n, successes = len(values), round(sum(values))
    if not values:
        return None, Measured(n=0, because=missing), None
    low, high = wilson_interval(successes, n) or (None, None)
    spread = 0 < successes < n
    if len(set(clusters)) < n and spread:
        # Queries about one document are not independent; Wilson's interval would be too narrow.
        estimate = clustered_mean(values, [str(cluster) for cluster in clusters])
        low, high = estimate.low, estimate.high
    because = N_TOO_SMALL if low is None else None
    measured = Measured(value=successes / n, low=low, high=high, n=n, because=because)
    return None, measured, share_below_p(successes, n, limit)


_MEASURED: Mapping[str, Callable[[_Run, float], list[_Found]]] = {
    "agent_latency_p95_s": _agent_latency,
    "reduction_pct_min": _reduction,
    "context_utilisation_ratio": _column_p95("context_utilisation_ratio", missing="not_supported"),
    "vram_process_peak_gb": _vram,
    "coordination_overhead_p95_s": _column_p95("coordination_overhead_s"),
    "pass_ratio_min": _pass_ratio,
    "good_ratio_min": _good_ratio,
    "decode_tps_min": _decoding,
    "prefill_tps_min": _prefilling,
}
