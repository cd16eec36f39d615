"""The limits that a suite may set, with the guide's five defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from docmind_core.errors import UsageError
from docmind_core.suites.suite import Suite

CI_BOUND, QUANTILE_TEST, BINOMTEST, POINT = "ci_bound", "quantile_test", "binomtest", "point"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLimit:
    """A name that may stand under `limits:`."""

    metric: str
    is_minimum: bool = False
    default: float | None = None
    """The guide's limit; None where a suite must ask for it."""
    tests: tuple[str, ...]
    """How a breach may be decided; the first is the default."""
    min_n: int
    """Values that an alert needs by default; fewer are no data."""
    allowed_share: float | None = None
    """Of a limit on each query: the share of queries that may lie above it, which is what is decided."""


_P95 = (QUANTILE_TEST, CI_BOUND, POINT)
_SHARE = (BINOMTEST, CI_BOUND, POINT)

PERCENTILE_POINT_N_MIN = 20
"""Below it the point of a p95 is its largest value, which fired 17 to 48 times in 400 nights without a change."""

KNOWN_LIMITS: Mapping[str, KnownLimit] = {
    "agent_latency_p95_s": KnownLimit(metric="agent_latency_p95_s", default=2.0, tests=_P95, min_n=130),
    "reduction_pct_min": KnownLimit(
        metric="reduction_pct", is_minimum=True, default=40.0, tests=(CI_BOUND, POINT), min_n=300
    ),
    "context_utilisation_ratio": KnownLimit(
        metric="context_utilisation_ratio", default=0.90, tests=_SHARE, min_n=50, allowed_share=0.05
    ),
    "vram_process_peak_gb": KnownLimit(metric="vram_process_peak_gb", default=15.0, tests=(POINT,), min_n=60),
    "coordination_overhead_p95_s": KnownLimit(metric="coordination_overhead_p95_s", default=0.5, tests=_P95, min_n=130),
    "pass_ratio_min": KnownLimit(metric="pass_ratio", is_minimum=True, tests=_SHARE, min_n=50),
    "good_ratio_min": KnownLimit(metric="good_ratio", is_minimum=True, tests=_SHARE, min_n=50),
    "decode_tps_min": KnownLimit(metric="decode_tps", is_minimum=True, tests=(CI_BOUND, POINT), min_n=50),
    "prefill_tps_min": KnownLimit(metric="prefill_tps", is_minimum=True, tests=(POINT,), min_n=1),
}


PROFILE_LIMITS: Mapping[str, Mapping[str, float]] = {"rtx4090-fp8-128k": {"vram_process_peak_gb": 25.0}}
"""Limits that go with an engine profile. That of the 24 GiB card takes 23.7 GB at its start, whatever the run needs;
its limit says that something else has taken the rest of the card's 25.8 GB."""


def effective_limits(limits: Mapping[str, float]) -> dict[str, float]:
    """Return the guide's five limits with those of a suite in their place or behind them."""
    defaults = {name: known.default for name, known in KNOWN_LIMITS.items() if known.default is not None}
    return {**defaults, **limits}


def suite_limits(suite: Suite) -> dict[str, float]:
    """Return the limits that hold for a suite: its own, else its hardware profile's, else the guide's."""
    return effective_limits({**PROFILE_LIMITS.get(suite.engine, {}), **suite.limits})


def check_limits(suite: Suite) -> None:
    """Refuse limits and overrides of alerts that nothing here knows.

    Raises:
        UsageError: The first of `limit_problems`.
    """
    for field, problem in limit_problems(suite):
        raise UsageError(f"suite {suite.name}: {field}: {problem}")


def limit_problems(suite: Suite) -> Iterator[tuple[str, str]]:
    """Yield the field and the problem of each limit and override of an alert that can't be served."""
    for name in suite.limits:
        if name not in KNOWN_LIMITS:
            yield "limits", _unknown(name)
    for name, override in suite.alerts.items():
        if name not in KNOWN_LIMITS:
            yield "alerts", _unknown(name)
        elif override.test is not None and override.test not in (tests := KNOWN_LIMITS[name].tests):
            yield (
                f"alerts.{name}.test",
                f"{override.test[:40]!r} does not fit this limit. Use one of: {', '.join(tests)}",
            )
        elif override.test == POINT and QUANTILE_TEST in KNOWN_LIMITS[name].tests:
            min_n = override.min_n or suite.min_n or KNOWN_LIMITS[name].min_n
            if min_n < PERCENTILE_POINT_N_MIN:
                yield (
                    f"alerts.{name}.test",
                    f"the point of a 95th percentile needs at least {PERCENTILE_POINT_N_MIN} values, and min_n is "
                    f"{min_n}: an unchanged system would fire. Set min_n: {PERCENTILE_POINT_N_MIN} under "
                    f"alerts.{name}, or test: {QUANTILE_TEST}",
                )


def _unknown(name: str) -> str:
    known = [limit.metric for limit in KNOWN_LIMITS.values()]
    hint = f" Write {name}_min." if name in known and f"{name}_min" in KNOWN_LIMITS else ""
    return f"there is no limit {name[:80]!r}.{hint} Known: {', '.join(KNOWN_LIMITS)}"
