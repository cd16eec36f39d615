"""Measures each limit of a benchmark run: value, interval, test and n, or the reason it has none."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from docmind_core.errors import UsageError
from docmind_core.measurements.arm_values import Row
from docmind_core.measurements.comparability import NOT_OWN_MAX, shared_runs
from docmind_core.measurements.limit_results import LimitResult, judged_arm
from docmind_core.measurements.limit_series import measure_series
from docmind_core.measurements.paired import number
from docmind_core.measurements.verdicts import NOT_JUDGED
from docmind_core.metrics.limits import LIMITS, Limit, default_limits, find_limit
from docmind_core.runs.keys import benchmark_run_of, run_id_of
from docmind_core.serving.profiles import engine_profile
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate
from docmind_core.statistics.pairs import holm, reduction_pct
from docmind_core.statistics.shares import share, share_p
from docmind_core.suites.suite import Suite
from docmind_core.tables.columns import Columns, query_keys, read_coded
from docmind_core.tables.definitions import WARM_UP_BLOCK
from docmind_core.tables.segments import read_batches, read_segment

PREFILL_TOKENS = "request_prefill_kv_computed_tokens_sum"
PREFILL_SECONDS = "request_prefill_time_seconds_sum"
PREEMPTIONS = "num_preemptions"
GB_PER_GIB = 1.073741824
_COUNTER_COLUMNS = ("engine_session", "block", "counter", "moment", "value")
_STEP_COLUMNS = ("query_id", "replicate", "outcome")
_QUERY_COLUMNS = (
    *("query_id", "replicate", "cluster_id", "phase", "error_type", "times_missing_because", "billed_tokens"),
    *("context_utilisation_ratio", "context_missing_because"),
)


@dataclass(frozen=True, kw_only=True)
class _Run:
    folder: Path
    run_id: str

    @cached_property
    def query_runs(self) -> Columns:
        """Columns of the measured rows."""
        columns = read_coded(self.folder, "query_runs", self.run_id, _QUERY_COLUMNS)
        kept = np.flatnonzero(columns["phase"].each(lambda phase: phase != "warmup", bool))
        return {name: column.take(kept) for name, column in columns.items()}

    @cached_property
    def count(self) -> int:
        return len(self.query_runs["query_id"])

    @cached_property
    def asks_no_model(self) -> bool:
        """Whether no query cost a token: then 0 tokens are not a saving, and meet no limit."""
        return self.count > 0 and bool((self.query_runs["billed_tokens"].numbers() == 0).all())

    @cached_property
    def clusters(self) -> Mapping[str, str]:
        """Cluster by query."""
        pairs = zip(self.query_runs["query_id"], self.query_runs["cluster_id"], strict=True)
        return {str(query_id): str(cluster or query_id) for query_id, cluster in pairs}

    def rows(self, table: str, *columns: str) -> list[dict[str, object]]:
        return read_segment(self.folder, table, self.run_id, columns=columns)

    def commonest(self, column: str) -> str | None:
        """Return the most frequent reason of its queries; None where there is none."""
        reasons = Counter(str(reason) for reason in self.query_runs[column] if reason)
        return reasons.most_common(1)[0][0] if reasons else None

    def because_of(self, limit: Limit) -> str:
        """Return the reason a metric has no rows."""
        if not self.count:
            return "failed_run"
        if limit.of.rows in {"measurements", "run_estimates"}:
            is_scored = any(map(len, read_batches(self.folder, "measurements", self.run_id, ("metric",))))
            return "zero_denominator" if is_scored else "not_scored"
        return self.commonest("times_missing_because") or "not_supported"


def suite_limits(suite: Suite) -> dict[str, float]:
    """Return the limits that hold for a suite: its own, else its engine profile's, else the guide's."""
    try:
        of_profile = {} if suite.engine_is_remote else engine_profile(suite.engine).limits
    except UsageError:  # a profile of another home: its runs can still be judged
        of_profile = {}
    return {**default_limits(), **of_profile, **suite.limits}


def measure_limits(folder: Path, benchmark_run: str, suite: Suite) -> tuple[LimitResult, ...]:
    """Measure each limit of a benchmark run, and values shown or watched without a limit, as far as data exists.

    Args:
        folder: Of the segments.
        benchmark_run: Its key.
        suite: What it ran; the limits hold for its `judged_arm`.

    Returns:
        One result per limit, or one per agent where the metric has agents.
    """
    run = _Run(folder=folder, run_id=f"{benchmark_run}.{judged_arm(suite)}")
    limits = suite_limits(suite)
    found = {name: limit for name in limits if (limit := find_limit(name, suite.own_metrics)) is not None}
    results = [one for name, limit in found.items() for one in _results(run, limit, limits[name], is_judged=True)]
    for name, limit in LIMITS.items():
        if limit.is_shown and name not in limits:
            results += _results(run, limit, limit.watched, is_judged=False)
    return tuple(results)


def _results(run: _Run, limit: Limit, set_to: float | None, *, is_judged: bool) -> list[LimitResult]:
    nothing = Estimate(value=None, n=0)
    draft = LimitResult(run_id=run.run_id, limit=limit, set_to=set_to, is_judged=is_judged, measured=nothing)
    if limit.name in _ODD:
        return [_ODD[limit.name](run, draft)]
    if limit.of.unit == "tokens" and run.asks_no_model:
        return [_missing(draft, "no_model_call")]
    series = measure_series(run.folder, run.run_id, limit, set_to, run.clusters)
    tested = {agent: one.p for agent, one in series.items() if one.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [
        replace(draft, agent=agent, measured=one.estimate, p=corrected.get(agent), notes=one.notes)
        for agent, one in series.items()
    ] or [_missing(draft, run.because_of(limit))]


def _missing(draft: LimitResult, because: str, *notes: str) -> LimitResult:
    return replace(draft, measured=Estimate(value=None, n=0, because=because), notes=notes)


def _reduction(run: _Run, draft: LimitResult) -> LimitResult:
    for row in run.rows(
        "comparisons",
        "agent",
        "slice",
        "metric",
        "baseline_run_id",
        "delta",
        "delta_low",
        "delta_high",
        "mde",
        "n",
        "n_failed",
        "verdict",
    ):
        is_total = row["agent"] == "all" and row["slice"] == "all" and row["metric"] == "billed_tokens"
        if is_total and row["baseline_run_id"] == run_id_of(benchmark_run_of(run.run_id), "naive_supervisor"):
            if row["verdict"] == NOT_JUDGED:
                return _missing(draft, NOT_JUDGED)
            pairs, failed = int(str(row["n"] or 0)), int(str(row["n_failed"] or 0))
            if failed > NOT_OWN_MAX * (pairs + failed):
                note = f"{failed} of {pairs + failed} queries were not answered by both arms"
                return _missing(draft, "failed_run", note)
            # On the log scale a smaller ratio is a larger reduction: the ends change places.
            value, low, high = (reduction_pct(number(row[end])) for end in ("delta", "delta_high", "delta_low"))
            mde = number(row["mde"])
            return replace(
                draft,
                measured=Estimate(
                    value=value,
                    low=low,
                    high=high,
                    n=pairs,
                    because=N_TOO_SMALL if value is None or low is None else None,
                ),
                notes=(f"MDE {100 * math.expm1(mde):.1f} %",) if mde is not None else (),  # of a ratio, on logs
            )
    return _missing(draft, "not_compared")


def _context(run: _Run, draft: LimitResult) -> LimitResult:
    """The share of queries whose largest prompt lies above the limit; a request that did not fit is above any."""
    highest = _utilisation(run)
    refused = sum(math.isinf(ratio) for ratio in highest.values())
    if not highest:
        return _missing(draft, run.commonest("context_missing_because") or "not_supported")
    limit, bound = draft.set_to or 0.0, draft.bound or 0.0
    above, clusters = [float(ratio > limit) for ratio in highest.values()], [run.clusters[name] for name in highest]
    notes = [f"share of the queries above {100 * limit:.0f} % of the window"]
    if refused < len(highest):
        notes.append(f"highest {100 * max(filter(math.isfinite, highest.values())):.0f} %")
    if refused:
        notes.append(f"{refused} refused because they did not fit")
    return replace(
        draft,
        measured=share(above, clusters),
        p=share_p(above, clusters, bound, alternative="greater"),
        notes=tuple(notes),
        refused=refused,
        near_ratio=sum(ratio > 0.9 * limit for ratio in highest.values()) / len(highest),
    )


def _utilisation(run: _Run) -> dict[str, float]:
    """Return the largest share of the window that each query filled; infinity where a request did not fit."""
    rows, steps = run.query_runs, read_coded(run.folder, "context_reductions", run.run_id, _STEP_COLUMNS)
    place_of = {query_id: place for place, query_id in enumerate(run.clusters)}
    measured = np.isin(query_keys(steps, place_of), query_keys(rows, place_of))
    of_steps = np.flatnonzero(measured & steps["outcome"].each(lambda outcome: outcome == "refused", bool))
    of_rows = np.flatnonzero(rows["error_type"].each(lambda kind: kind == "ContextOverflow", bool))
    refused = (*steps["query_id"].take(of_steps), *rows["query_id"].take(of_rows))
    highest: dict[str, float] = dict.fromkeys(map(str, refused), math.inf)
    for query_id, ratio in zip(rows["query_id"], rows["context_utilisation_ratio"], strict=True):
        if (value := number(ratio)) is not None:
            highest[str(query_id)] = max(value, highest.get(str(query_id), 0.0))
    return highest


def _memory(run: _Run, draft: LimitResult) -> LimitResult:
    """The highest VRAM in decimal GB, with the KV cache and the preemptions that say whether it was enough."""
    samples = run.rows("device_samples", "source", "status", "vram_process_gib", "mem_used_gib", "kv_cache_usage_ratio")
    preemptions = growth(run.rows("engine_counters", *_COUNTER_COLUMNS), PREEMPTIONS)
    usages = [value for row in samples if (value := number(row["kv_cache_usage_ratio"])) is not None]
    notes = (
        f"highest KV cache usage {100 * max(usages):.0f} %" if usages else "KV cache not sampled",
        "preemptions not counted" if preemptions is None else f"{preemptions:.0f} preemptions",
    )
    devices = [row for row in samples if row["source"] != "engine"]
    used = [value for row in devices if (value := _held(row)) is not None]
    if not used:
        reasons = {str(row["status"]).partition(":")[2] for row in devices} & {"no_gpu", "not_supported"}
        return _missing(draft, min(reasons, default="not_sampled"), *notes)
    return replace(draft, measured=Estimate(value=max(used) * GB_PER_GIB, n=len(used)), notes=notes)


def _held(row: Row) -> float | None:
    # Inside a container the driver hides what processes hold: then all memory in use on the GPU counts.
    by_processes = number(row["vram_process_gib"])
    return by_processes if by_processes is not None else number(row["mem_used_gib"])


def _prefilling(run: _Run, draft: LimitResult) -> LimitResult:
    """Computed prompt tokens / prefill time, both as the engine counts them, over the whole arm: no interval."""
    counters = run.rows("engine_counters", *_COUNTER_COLUMNS)
    offered = {row["counter"] for row in counters} >= {PREFILL_TOKENS, PREFILL_SECONDS}
    tokens, seconds = (growth(counters, name) for name in (PREFILL_TOKENS, PREFILL_SECONDS))
    if offered and (tokens is None or seconds is None):
        return _missing(draft, "unreconciled")
    if not offered or not tokens or not seconds:
        return _missing(draft, "not_supported")
    if shared_runs(run.folder, [run.run_id]):
        return _missing(draft, "not_exclusive")
    return replace(draft, measured=Estimate(value=tokens / seconds, n=1))


def growth(counters: Sequence[Mapping[str, object]], name: str) -> float | None:
    """Return by how much an engine's counter grew in the measured blocks of all sessions, those of replicas added up.

    None when a session does not offer it, and when a block lacks one of its two readings, as after the engine's death.
    """
    read: dict[tuple[object, object], dict[str, float]] = {}
    for row in counters:
        if row.get("block") != WARM_UP_BLOCK and row["counter"] == name and (value := number(row["value"])) is not None:
            read.setdefault((row["engine_session"], row.get("block")), {})[str(row["moment"])] = value
    measured = {row["engine_session"] for row in counters if row.get("block") != WARM_UP_BLOCK}
    if (
        not read
        or measured != {session for session, _ in read}
        or any(moments.keys() != {"before", "after"} for moments in read.values())
    ):
        return None
    return sum(moments["after"] - moments["before"] for moments in read.values())


_ODD: Mapping[str, Callable[[_Run, LimitResult], LimitResult]] = {
    "reduction_pct_min": _reduction,
    "context_utilisation_ratio": _context,
    "vram_process_peak_gb": _memory,
    "prefill_tps_min": _prefilling,
}
"""Limits whose value is not a mean, share or p95 of single values."""
