"""Each limit of a suite decided by its interval, never by the point."""

from collections.abc import Mapping
from dataclasses import dataclass

MET, MISSED, UNDECIDED, NOT_MEASURED = "met", "missed", "undecided", "not measured"
N_TOO_SMALL = "n_too_small"
MINIMUM_SUFFIX = "_min"
QUALITY = "quality"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A metric that a limit can name."""

    dimension: str
    is_hard: bool = False
    """Whether the answers can't be used when its limit is missed."""
    is_exact: bool = False
    """Whether the value is its own interval, as a peak is."""


CRITERIA: Mapping[str, Criterion] = {
    "pass_ratio": Criterion(dimension=QUALITY, is_hard=True),
    "good_ratio": Criterion(dimension="reliability", is_hard=True),
    "decode_tps": Criterion(dimension="speed", is_hard=False),
    "prefill_tps": Criterion(dimension="speed", is_exact=True),
    "context_utilisation_ratio": Criterion(dimension="context", is_hard=True),
    "agent_latency_p95_s": Criterion(dimension="latency"),
    "reduction_pct": Criterion(dimension="token efficiency"),
    "coordination_overhead_p95_s": Criterion(dimension="coordination"),
    "vram_process_peak_gb": Criterion(dimension="memory", is_exact=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run says about a metric: a value with its 95 % interval, or why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLimit:
    """One row of the scorecard."""

    dimension: str
    metric: str
    is_hard: bool
    measured: Measured
    limit: float
    is_minimum: bool
    state: str
    """`met`, `missed`, `undecided` or `not measured`."""
    because: str | None

    @property
    def headroom_pct(self) -> float | None:
        """Distance of the value to the limit in percent of the limit, negative when over; None at a limit of 0."""
        if self.measured.value is None or self.limit == 0:
            return None
        distance = self.limit - self.measured.value
        return 100 * (-distance if self.is_minimum else distance) / self.limit


def judge_limits(limits: Mapping[str, float], measured: Mapping[str, Measured]) -> tuple[JudgedLimit, ...]:
    """Decide each limit of a suite, in the order of the suite.

    Args:
        limits: Metric to upper limit; with `_min` behind the name, to lower limit.
        measured: What the run says by metric; one that is absent counts as not measured.
    """
    return tuple(_judge(name, limit, measured) for name, limit in limits.items())


def _judge(name: str, limit: float, measured: Mapping[str, Measured]) -> JudgedLimit:
    is_minimum = name.endswith(MINIMUM_SUFFIX) and name not in CRITERIA
    metric = name.removesuffix(MINIMUM_SUFFIX) if is_minimum else name
    criterion = CRITERIA.get(metric)
    found = measured.get(metric) or Measured(because="not taken in this run" if criterion else "unknown metric")
    state, because = _state(found, limit, is_minimum=is_minimum, is_exact=criterion is not None and criterion.is_exact)
    return JudgedLimit(
        dimension=criterion.dimension if criterion else metric,
        metric=metric,
        is_hard=criterion is not None and criterion.is_hard,
        measured=found,
        limit=limit,
        is_minimum=is_minimum,
        state=state,
        because=because,
    )


def _state(found: Measured, limit: float, *, is_minimum: bool, is_exact: bool) -> tuple[str, str | None]:
    if found.value is None:
        state = UNDECIDED if found.because == N_TOO_SMALL else NOT_MEASURED
        return state, found.because or "no reason recorded"
    low, high = (found.value, found.value) if is_exact else (found.low, found.high)
    if low is None or high is None:
        return UNDECIDED, found.because or N_TOO_SMALL
    if low >= limit if is_minimum else high <= limit:
        return MET, None
    if high < limit if is_minimum else low > limit:
        return MISSED, None
    return UNDECIDED, "the interval straddles the limit"
