"""What plain values say about a limit: value, interval, exact test, and what a reader must see beside them."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

from docmind_core.measurements.limits import Measured
from docmind_core.measurements.paired import number
from docmind_core.statistics.estimates import N_TOO_SMALL, clustered_mean, quantile_interval
from docmind_core.statistics.limit_tests import (
    exact_interval,
    quantile,
    quantile_above_p,
    share_above_p,
    share_below_p,
)
from docmind_core.statistics.shares import wilson_interval

QueryRun = tuple[object, object]
"""query_id and replicate."""
P95 = 0.95
P95_N_MIN = 130
"""Below, the bound of a p95 does not hold with 99 % confidence: it gets no interval, and no report shows it."""
GB_PER_GIB = 1.073741824


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run says about one limit in one series."""

    measured: Measured
    agent: str | None = None
    worse_p: float | None = None
    """One-sided p of the exact test that the limit is broken; None where there is no such test."""
    beside: tuple[str, ...] = ()
    """What stands beside the value wherever it is shown."""
    refused: int = 0
    """Requests that did not fit the context window and were not sent."""
    recovered_share: float | None = None
    """Of a limit on each query: the share of queries above ten percent inside it. None for other limits."""


def missing(because: str, *beside: str) -> Found:
    """Return that nothing was measured, and why."""
    return Found(measured=Measured(n=0, because=because), beside=beside)


def find_p95(values: Sequence[float], limit: float, because: str, *, agent: str | None = None) -> Found:
    """Return the 95th percentile; `because` says why there are no values."""
    value = quantile(values, P95)
    if value is None:
        return missing(because)
    interval = quantile_interval(values, P95) if len(values) >= P95_N_MIN else None
    low, high = interval or (None, None)
    measured = Measured(value=value, low=low, high=high, n=len(values), because=None if interval else N_TOO_SMALL)
    return Found(agent=agent, measured=measured, worse_p=quantile_above_p(values, P95, limit))


def find_share(values: Sequence[float], clusters: Sequence[Hashable], limit: float, because: str) -> Found:
    """Return the share of ones among zeros and ones, which must be at least `limit`."""
    n, successes = len(values), round(sum(values))
    if not values:
        return missing(because)
    # Queries about one document are not independent; Wilson's interval over all of them would be too narrow.
    independent = len(set(clusters))
    if independent < n and 0 < successes < n:
        estimate = clustered_mean(values, [str(cluster) for cluster in clusters])
        low, high = estimate.low, estimate.high
    else:
        low, high = wilson_interval(successes * independent // n, independent) or (None, None)
    reason = N_TOO_SMALL if low is None else None
    measured = Measured(value=successes / n, low=low, high=high, n=n, because=reason)
    return Found(measured=measured, worse_p=share_below_p(successes, n, limit))


def find_context(
    utilisations: Mapping[QueryRun, float | None],
    refused: Collection[QueryRun],
    limit: float,
    allowed: float,
    *,
    because: str,
) -> Found:
    """Return the share of queries whose largest prompt lies above `limit`, with its exact binomial interval.

    Args:
        utilisations: By query run; None where prompt or window is unknown.
        refused: Query runs of which a request did not fit and was not sent: above any limit.
        limit: Of each query, as a share of the window.
        allowed: Share of queries that may lie above it.
        because: Why nothing is known, where nothing is.
    """
    known = {key: value for key, value in utilisations.items() if value is not None and key not in refused}
    n = len(known) + len(refused)
    if n == 0:
        return missing(because)
    above = sum(value > limit for value in known.values()) + len(refused)
    near = sum(value > 0.9 * limit for value in known.values()) + len(refused)
    low, high = exact_interval(above, n)
    beside = [f"share of the queries above {limit:.0%} of the window"]
    if known:
        beside.append(f"highest {max(known.values()):.0%}")
    if refused:
        beside.append(f"{len(refused)} refused: did not fit")
    return Found(
        measured=Measured(value=above / n, low=low, high=high, n=n),
        worse_p=share_above_p(above, n, allowed),
        beside=tuple(beside),
        refused=len(refused),
        recovered_share=near / n,
    )


def find_memory(samples: Sequence[Mapping[str, object]], preemptions: float | None) -> Found:
    """Return the highest VRAM in decimal GB, with the KV cache and the preemptions that say whether it was enough."""
    usages = [value for row in samples if (value := number(row["kv_cache_usage_ratio"])) is not None]
    beside = (
        f"KV cache at most {max(usages):.0%}" if usages else "KV cache not sampled",
        "preemptions not counted" if preemptions is None else f"{preemptions:.0f} preemptions",
    )
    devices = [row for row in samples if row["source"] != "engine"]
    used = [value for row in devices if (value := _held(row)) is not None]
    if not used:
        reasons = {str(row["status"]).partition(":")[2] for row in devices} & {"no_gpu", "not_supported"}
        return missing(min(reasons, default="not_sampled"), *beside)
    return Found(measured=Measured(value=max(used) * GB_PER_GIB, n=len(used)), beside=beside)


def _held(row: Mapping[str, object]) -> float | None:
    # Inside a container the driver hides what processes hold: then all memory in use on the GPU counts.
    by_processes = number(row["vram_process_gib"])
    return by_processes if by_processes is not None else number(row["mem_used_gib"])
