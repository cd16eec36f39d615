"""The evaluated limits of a benchmark run: rows of `limit_results`, read by checks, alerts and reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docmind_core.errors import StoreError
from docmind_core.measurements.limit_series import ALL_AGENTS
from docmind_core.measurements.paired import number
from docmind_core.metrics.limits import NO_OWN, P95_N_MIN, Limit, Own, find_limit
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment

MET, MISSED, UNDECIDED, NOT_MEASURED, NOT_JUDGED = "met", "missed", "undecided", "not measured", "not judged"
WORST_FIRST = (MISSED, UNDECIDED, NOT_MEASURED, MET)
SYSTEM_ARMS = ("tuned", "naive_supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitResult:
    """One limit in one series: the arm judged, and the agent where the metric has agents."""

    run_id: str
    limit: Limit
    set_to: float | None = None
    """As under `limits:`; None where the value is shown and nothing sets a limit."""
    is_judged: bool = True
    """False if only an alert compares the value with `set_to`."""
    agent: str = ALL_AGENTS
    measured: Estimate
    """Regardless of the number of values; readers see `shown`."""
    p: float | None = None
    """One-sided p of "the limit is broken", corrected by Holm over the agents; None where there is no such test."""
    notes: tuple[str, ...] = ()
    """What is shown next to the value."""
    refused: int = 0
    """Queries with a request that did not fit the context window and was not sent."""
    near_ratio: float | None = None
    """Of a limit on each query: the share of queries above ten percent inside it. None for other limits."""
    state: str = field(init=False)
    """`met`, `missed`, `undecided`, `not measured` or `not judged`."""
    because: str | None = field(init=False)

    def __post_init__(self) -> None:
        state, because = _state(self)
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "because", because)

    @property
    def arm(self) -> str:
        """The arm judged."""
        return self.run_id.partition(".")[2]

    @property
    def bound(self) -> float | None:
        """The bound for the value: the limit, or the share of queries that may exceed it."""
        allowed = self.limit.allowed_share
        return self.set_to if allowed is None or self.set_to is None else allowed

    @property
    def side(self) -> str:
        """Which side of the bound is good."""
        return "at least" if self.limit.is_minimum else "at most"

    @property
    def shown(self) -> Estimate:
        """The estimate as shown to readers: a p95 of too few values has no value."""
        if self.limit.statistic == "p95" and self.measured.value is not None and self.measured.n < P95_N_MIN:
            return Estimate(value=None, n=self.measured.n, clusters=self.measured.clusters, because=N_TOO_SMALL)
        return self.measured

    @property
    def headroom_pct(self) -> float | None:
        """Distance of the value to the bound in percent of it, negative when over; None without one or at 0."""
        value, bound = self.shown.value, self.bound
        if value is None or not bound or self.state == NOT_JUDGED:
            return None
        distance = bound - value
        return 100 * (-distance if self.limit.is_minimum else distance) / abs(bound)

    @property
    def row(self) -> dict[str, object]:
        """Return it as a row of the table."""
        return {
            "run_id": self.run_id,
            "limit_name": self.limit.name,
            "metric": self.limit.metric,
            "agent": self.agent,
            "dimension": self.limit.dimension,
            "statistic": self.limit.statistic,
            "side": self.side,
            "is_hard": self.limit.is_hard,
            "set_to": self.set_to,
            "bound": self.bound,
            "value": self.shown.value,
            "low": self.shown.low,
            "high": self.shown.high,
            "n": self.measured.n,
            "clusters": self.measured.clusters,
            "state": self.state,
            "headroom_pct": self.headroom_pct,
            "p": self.p,
            "because": self.because,
            "notes": "; ".join(self.notes) or None,
            "unshown_value": self.measured.value if self.shown is not self.measured else None,
            "value_missing_because": self.measured.because,
            "refused_queries": self.refused,
            "near_ratio": self.near_ratio,
        }


def judged_arm(suite: Suite) -> str:
    """Return the arm that the limits of a suite hold for: `tuned`, else `naive_supervisor`, else the first one."""
    return next((arm for arm in SYSTEM_ARMS if arm in suite.arms), suite.arms[0])


def read_limit_results(folder: Path, benchmark_run: str, suite: Suite) -> tuple[LimitResult, ...]:
    """Return the evaluated limits of a benchmark run.

    Raises:
        StoreError: If they were not measured yet.
    """
    run_id = f"{benchmark_run}.{judged_arm(suite)}"
    rows = read_segment(folder, "limit_results", run_id)
    if not rows:
        raise StoreError(
            f"the limits of {run_id} were not measured yet. Measure them first: materialize the asset `limits`."
        )
    return limit_results_of(rows, suite.own_metrics)


def limit_results_of(rows: Sequence[Mapping[str, object]], own: Own = NO_OWN) -> tuple[LimitResult, ...]:
    """Return rows of `limit_results` as records; a limit that this version does not know is left out.

    Args:
        rows: As they were written.
        own: The user's metrics that the run was scored by, by name.
    """
    known = ((row, find_limit(str(row["limit_name"]), own)) for row in rows)
    return tuple(_result(row, limit) for row, limit in known if limit is not None)


def worst_by_limit(results: Sequence[LimitResult]) -> dict[str, LimitResult]:
    """Return by name of the limit the result in the worst state; of several in it, the one furthest on the wrong side.

    Limits that are not judged are left out.
    """
    worst: dict[str, LimitResult] = {}
    for result in results:
        before = worst.get(result.limit.name)
        if result.state != NOT_JUDGED and (before is None or _badness(result) > _badness(before)):
            worst[result.limit.name] = result
    return worst


def _badness(result: LimitResult) -> tuple[int, float]:
    value = result.measured.value
    size = float("-inf") if value is None else -value if result.limit.is_minimum else value
    return -WORST_FIRST.index(result.state), size


def _state(result: LimitResult) -> tuple[str, str | None]:
    shown, bound = result.shown, result.bound
    if not result.is_judged or bound is None:
        return NOT_JUDGED, "the suite sets no limit"
    if shown.value is None:
        return (UNDECIDED if shown.because == N_TOO_SMALL else NOT_MEASURED), shown.because or "no reason recorded"
    low, high = (shown.value, shown.value) if result.limit.is_exact else (shown.low, shown.high)
    # One end may be all there is: cost per correct answer has no upper end where the sample allows that none is.
    near, far = (high, low) if result.limit.is_minimum else (low, high)
    sign = -1.0 if result.limit.is_minimum else 1.0
    if far is not None and sign * far <= sign * bound:
        return MET, None
    if near is not None and sign * near > sign * bound:
        return MISSED, None
    if low is None or high is None:
        return UNDECIDED, shown.because or N_TOO_SMALL
    return UNDECIDED, "the interval straddles the limit"


def _result(row: Mapping[str, object], limit: Limit) -> LimitResult:
    unshown, notes = number(row["unshown_value"]), row["notes"]
    measured = Estimate(
        value=number(row["value"]) if unshown is None else unshown,
        low=number(row["low"]),
        high=number(row["high"]),
        n=int(str(row["n"])),
        clusters=None if row["clusters"] is None else int(str(row["clusters"])),
        because=None if row["value_missing_because"] is None else str(row["value_missing_because"]),
    )
    return LimitResult(
        run_id=str(row["run_id"]),
        limit=limit,
        set_to=number(row["set_to"]),
        is_judged=row["state"] != NOT_JUDGED,
        agent=str(row["agent"]),
        measured=measured,
        p=number(row["p"]),
        notes=tuple(str(notes).split("; ")) if notes else (),
        refused=int(str(row["refused_queries"])),
        near_ratio=number(row["near_ratio"]),
    )
