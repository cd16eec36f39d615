"""What is wrong with the limits of a suite: unknown names, values that decide nothing, tests that don't fit."""

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limits import (
    MINIMUM_SUFFIX,
    NO_OWN,
    PERCENTILE_POINT_N_MIN,
    POINT,
    QUANTILE_TEST,
    Limit,
    Own,
    find_limit,
    limit_names,
)


def limit_problems(
    limits: Mapping[str, float], alerts: Mapping[str, tuple[str | None, int | None]], own: Own | None = NO_OWN
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the place in a suite and the problem of each limit that can't be served or that decides nothing.

    Args:
        limits: As under `limits:`.
        alerts: By name of a limit, the `test` and the `min_n` that the suite asks for; None for the default.
        own: The user's metrics that the suite is scored by, by name; None while their files were not loaded: then
            a name that the catalogue lacks may be one of them.
    """
    for name, value in limits.items():
        limit = find_limit(name, own or NO_OWN)
        problem = _unknown(name, own) if limit is None else _undecidable(limit, value)
        if problem is not None:
            yield ("limits", name), problem
    for name, (test, min_n) in alerts.items():
        limit = find_limit(name, own or NO_OWN)
        if limit is None:
            if problem := _unknown(name, own):
                yield ("alerts", name), problem
        elif name not in limits and limit.default is None and limit.watched is None:
            yield ("alerts", name), "the suite sets no such limit; add it under limits"
        elif test is not None and (problem := _unfit(limit, test, min_n or limit.min_n)):
            yield ("alerts", name, "test"), problem


def _unfit(limit: Limit, test: str, min_n: int) -> str | None:
    if test not in limit.tests:
        return f"{test[:40]!r} does not fit this limit. Use one of: {', '.join(limit.tests)}"
    if test == POINT and limit.statistic == "p95" and min_n < PERCENTILE_POINT_N_MIN:
        return (
            f"the point of a 95th percentile needs at least {PERCENTILE_POINT_N_MIN} values, and min_n is {min_n}: an "
            f"unchanged system would fire. Set min_n: {PERCENTILE_POINT_N_MIN} under alerts.{limit.name}, or "
            f"test: {QUANTILE_TEST}"
        )
    return None


def _unknown(name: str, own: Own | None) -> str | None:
    shown = ascii(name[:80])
    base = {**METRICS, **(own or NO_OWN)}.get(name.removesuffix(MINIMUM_SUFFIX))
    if base is None and own is None:
        return None
    own = own or NO_OWN
    other = name.removesuffix(MINIMUM_SUFFIX) if name.endswith(MINIMUM_SUFFIX) else f"{name}{MINIMUM_SUFFIX}"
    if base is not None and find_limit(other, own):
        return f"{shown}: {base.better} is better. Write {other}"
    if base is not None:
        return f"{shown} has no mean, share or p95 to limit"
    close = get_close_matches(name, limit_names(own), n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else "docs/metrics.md names the metrics that can be limited"
    return f"there is no limit {shown}. {hint}"


def _undecidable(limit: Limit, value: float) -> str | None:
    """Return why `value` is always met or never met; None where the run decides."""
    low, high = limit.of.bounds
    if not math.isfinite(value):
        return f"{value} is not a number"
    if (low, high) == (0.0, 1.0) and not 0 <= value <= 1:
        percent = f"; for {value:g} % write {value / 100:g}" if 1 < value <= 100 else ""
        return f"{value:g} is outside 0 to 1{percent}"
    side, always, never = (
        ("at least", value <= low, value >= high)
        if limit.is_minimum
        else ("at most", value >= high, value < low or (value == low and _stays_above(limit, low)))
    )
    # The interval of a share or a mean does not end at the end of its range: a limit there is never shown to hold.
    how_often = "always" if always else "never" if never else None
    return f"{side} {value:g} is {how_often} met: the range is {limit.of.range}" if how_often else None


def _stays_above(limit: Limit, low: float) -> bool:
    metric = limit.of
    return limit.unit in {"s", "GB"} or metric.bounds == (low, 1.0) or metric.range.startswith("above")
