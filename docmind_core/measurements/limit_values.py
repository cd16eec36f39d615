"""What a benchmark run says about each limit: value, interval, n, or why there is none."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from docmind_core.measurements.arm_values import Row
from docmind_core.measurements.comparability import shared_runs
from docmind_core.measurements.limit_findings import (
    P95_N_MIN,
    Found,
    find_context,
    find_memory,
    find_p95,
    find_share,
    missing,
)
from docmind_core.measurements.limits import MET, MISSED, NOT_MEASURED, UNDECIDED, JudgedLimit, Measured, judge_limits
from docmind_core.measurements.paired import number
from docmind_core.statistics.estimates import N_TOO_SMALL, quantile_interval
from docmind_core.statistics.limit_tests import quantile
from docmind_core.statistics.pairs import reduction_pct
from docmind_core.suites.limits import KNOWN_LIMITS, suite_limits
from docmind_core.suites.suite import Suite
from docmind_core.tables.definitions import WARM_UP_BLOCK
from docmind_core.tables.segments import read_segment

PREFILL_TOKENS = "request_prefill_kv_computed_tokens_sum"
PREFILL_SECONDS = "request_prefill_time_seconds_sum"
PREEMPTIONS = "num_preemptions"
SYSTEM_ARMS = ("tuned", "naive_supervisor")
WORST_FIRST = (MISSED, UNDECIDED, NOT_MEASURED, MET)
_COUNTER_COLUMNS = ("engine_session", "block", "counter", "moment", "value")
UNLIMITED = ("pass_ratio_min", "good_ratio_min")
"""What a scorecard shows also where the suite sets no limit on it; the other dimensions have one by default."""
_QUERY_COLUMNS = (
    *("query_id", "replicate", "cluster_id", "phase", "status", "error_type", "fallback"),
    *("times_missing_because", "context_utilisation_ratio", "context_missing_because"),
    "coordination_overhead_s",
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
    beside: tuple[str, ...] = ()
    """What stands beside the value wherever it is shown."""
    refused: int = 0
    """Requests that did not fit the context window and were not sent."""
    recovered_share: float | None = None
    """Of a limit on each query: the share of queries above ten percent inside it. None for other limits."""

    @property
    def bound(self) -> float:
        """What the measured value is held against: the limit, or the share of queries that may lie above it."""
        allowed = KNOWN_LIMITS[self.name].allowed_share
        return self.limit if allowed is None else allowed

    @property
    def shown(self) -> Measured:
        """What a reader gets to see: a p95 of too few values is no number."""
        is_p95 = self.name.endswith("_p95_s")
        if is_p95 and self.measured.value is not None and (self.measured.n or 0) < P95_N_MIN:
            return replace(self.measured, value=None, low=None, high=None, because=N_TOO_SMALL)
        return self.measured

    @property
    def judged(self) -> JudgedLimit:
        """Met, missed, undecided or not measured, by the interval."""
        return judge_limits({self.name: self.bound}, {KNOWN_LIMITS[self.name].metric: self.shown})[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    folder: Path
    run_id: str
    query_runs: Sequence[Row]

    @property
    def because(self) -> str:
        """Why times are missing."""
        return self.commonest("times_missing_because") or N_TOO_SMALL

    def commonest(self, column: str) -> str | None:
        """Return the most frequent reason of its queries; None where there is none."""
        reasons = Counter(str(row[column]) for row in self.query_runs if row[column])
        return reasons.most_common(1)[0][0] if reasons else None

    def rows(self, table: str, *columns: str) -> list[dict[str, object]]:
        return read_segment(self.folder, table, self.run_id, columns=columns)


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
            agent=found.agent,
            measured=found.measured,
            worse_p=found.worse_p,
            beside=found.beside,
            refused=found.refused,
            recovered_share=found.recovered_share,
        )
        for name, limit in (suite_limits(suite) if limits is None else limits).items()
        for found in _MEASURED[name](run, limit)
    )


def measure_unlimited(folder: Path, benchmark_run: str, suite: Suite) -> tuple[LimitValue, ...]:
    """Measure what a scorecard shows without judging it: `UNLIMITED`, as far as the suite sets no limit there."""
    return measure_limits(folder, benchmark_run, suite, {name: 0.0 for name in UNLIMITED if name not in suite.limits})


def worst_by_limit(values: Sequence[LimitValue]) -> dict[str, LimitValue]:
    """Return the value in the worst state by name; of several in it, the one furthest to the wrong side."""
    worst: dict[str, LimitValue] = {}
    for value in values:
        before = worst.get(value.name)
        if before is None or _badness(value) > _badness(before):
            worst[value.name] = value
    return worst


def _badness(value: LimitValue) -> tuple[int, float]:
    number = value.measured.value
    size = float("-inf") if number is None else -number if value.is_minimum else number
    return -WORST_FIRST.index(value.judged.state), size


def _agent_latency(run: _Run, limit: float) -> list[Found]:
    known = {(row["query_id"], row["replicate"]) for row in run.query_runs}
    times: dict[str, list[float]] = {}
    for row in run.rows("spans", "query_id", "replicate", "op", "name", "t0", "t1"):
        if row["op"] == "invoke_agent" and (row["query_id"], row["replicate"]) in known:
            times.setdefault(str(row["name"]), []).append((int(str(row["t1"])) - int(str(row["t0"]))) / 1e9)
    if not times:
        return [missing(run.because)]
    return [find_p95(seconds, limit, run.because, agent=agent) for agent, seconds in sorted(times.items())]


def _overhead(run: _Run, limit: float) -> list[Found]:
    values = [value for row in run.query_runs if (value := number(row["coordination_overhead_s"])) is not None]
    return [find_p95(values, limit, run.because)]


def _reduction(run: _Run, limit: float) -> list[Found]:
    for row in run.rows(
        "comparisons", "agent", "slice", "metric", "baseline_run_id", "delta", "delta_low", "delta_high", "mde", "n"
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
            unknown = measured.value is None or measured.low is None
            mde = number(row["mde"])
            beside = (f"MDE {100 * math.expm1(mde):.1f} %",) if mde is not None else ()  # of a ratio, on logs
            return [Found(measured=replace(measured, because=N_TOO_SMALL) if unknown else measured, beside=beside)]
    return [missing("not_compared")]


def _context(run: _Run, limit: float) -> list[Found]:
    keys = {(row["query_id"], row["replicate"]): number(row["context_utilisation_ratio"]) for row in run.query_runs}
    steps = run.rows("context_reductions", "query_id", "replicate", "outcome")
    refused = {(row["query_id"], row["replicate"]) for row in steps if row["outcome"] == "refused"}
    refused |= {(row["query_id"], row["replicate"]) for row in run.query_runs if row["error_type"] == "ContextOverflow"}
    allowed = KNOWN_LIMITS["context_utilisation_ratio"].allowed_share or 0.0
    because = run.commonest("context_missing_because") or "not_supported"
    return [find_context(keys, refused & keys.keys(), limit, allowed, because=because)]


def _memory(run: _Run, limit: float) -> list[Found]:
    samples = run.rows("device_samples", "source", "status", "vram_process_gib", "mem_used_gib", "kv_cache_usage_ratio")
    preemptions = growth(run.rows("engine_counters", *_COUNTER_COLUMNS), PREEMPTIONS)
    return [find_memory(samples, preemptions)]


def _pass_ratio(run: _Run, limit: float) -> list[Found]:
    clusters = {(row["query_id"], row["replicate"]): str(row["cluster_id"]) for row in run.query_runs}
    scores = [
        (float(str(row["value"])), clusters[key])
        for row in run.rows("measurements", "query_id", "replicate", "metric", "draw", "value")
        if (row["metric"], row["draw"]) == ("passed", 0) and row["value"] is not None
        if (key := (row["query_id"], row["replicate"])) in clusters
    ]
    return [find_share([value for value, _ in scores], [cluster for _, cluster in scores], limit, "no_gold")]


def _good_ratio(run: _Run, limit: float) -> list[Found]:
    good = [float(row["status"] == "answered" and not row["fallback"]) for row in run.query_runs]
    return [find_share(good, [str(row["cluster_id"]) for row in run.query_runs], limit, N_TOO_SMALL)]


def _decoding(run: _Run, limit: float) -> list[Found]:
    """The median of the calls; a faster engine never misses a minimum, though upstream's validator failed one."""
    calls = run.rows("llm_calls", "decode_tps", "phase")
    speeds = [value for row in calls if row["phase"] != "warmup" if (value := number(row["decode_tps"])) is not None]
    value, interval = quantile(speeds, 0.5), quantile_interval(speeds, 0.5)
    if value is None:
        return [missing(run.because)]
    low, high = interval or (None, None)
    because = None if interval else N_TOO_SMALL
    return [Found(measured=Measured(value=value, low=low, high=high, n=len(speeds), because=because))]


def _prefilling(run: _Run, limit: float) -> list[Found]:
    """Computed prompt tokens / prefill time, both as the engine counts them, over the whole arm: no interval."""
    counters = run.rows("engine_counters", *_COUNTER_COLUMNS)
    offered = {row["counter"] for row in counters} >= {PREFILL_TOKENS, PREFILL_SECONDS}
    tokens, seconds = (growth(counters, name) for name in (PREFILL_TOKENS, PREFILL_SECONDS))
    if offered and (tokens is None or seconds is None):
        return [missing("unreconciled")]
    if not offered or not tokens or not seconds:
        return [missing("not_supported")]
    if shared_runs(run.folder, [run.run_id]):
        return [missing("not_exclusive")]
    return [Found(measured=Measured(value=tokens / seconds, n=1))]


def growth(counters: Sequence[Mapping[str, object]], name: str) -> float | None:
    """Return by how much an engine's counter grew in the measured blocks of all sessions.

    None when it was not offered, and when a block lacks one of its two readings, as after the engine's death.
    """
    read: dict[tuple[object, object], dict[str, float]] = {}
    for row in counters:
        if row.get("block") != WARM_UP_BLOCK and row["counter"] == name and (value := number(row["value"])) is not None:
            read.setdefault((row["engine_session"], row.get("block")), {})[str(row["moment"])] = value
    if not read or any(moments.keys() != {"before", "after"} for moments in read.values()):
        return None
    return sum(moments["after"] - moments["before"] for moments in read.values())


_MEASURED: Mapping[str, Callable[[_Run, float], list[Found]]] = {
    "agent_latency_p95_s": _agent_latency,
    "reduction_pct_min": _reduction,
    "context_utilisation_ratio": _context,
    "vram_process_peak_gb": _memory,
    "coordination_overhead_p95_s": _overhead,
    "pass_ratio_min": _pass_ratio,
    "good_ratio_min": _good_ratio,
    "decode_tps_min": _decoding,
    "prefill_tps_min": _prefilling,
}
