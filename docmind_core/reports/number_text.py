"""Numbers as a report shows them: rounded to what their noise allows, with a unit, and never 0 for "not measured"."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeGuard

from docmind_core.metrics.reasons import reason_text
from docmind_core.metrics.signs import from_to, signed

NOT_MEASURED = "not measured"


def not_measured(because: str | None) -> str:
    """Return `not measured: <reason>`; a reason of docs/metrics.md is shown as its phrase, a sentence as it is."""
    return f"{NOT_MEASURED}: {reason_text(because)}" if because else NOT_MEASURED


def count_text(value: float | None, because: str | None = None) -> str:
    """Return a count or a mean count: `1,234`, and `3.5` below 100 unless it is whole."""
    if not _is_number(value):
        return not_measured(because)
    if abs(value) >= 100 or value == int(value):
        return signed(value, ",.0f")
    return signed(value, ".1f")


def counted(count: int, noun: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent_text(value: float | None, because: str | None = None) -> str:
    """Return a percentage that is already in percent: `41 %`, and one decimal below 10."""
    if not _is_number(value):
        return not_measured(because)
    return f"{signed(value, ',.1f' if abs(value) < 9.95 else ',.0f')} %"


def ratio_text(value: float | None, because: str | None = None) -> str:
    """Return a share or score in [0, 1] with two decimals."""
    return signed(value, ",.2f") if _is_number(value) else not_measured(because)


def times_text(value: float | None, because: str | None = None) -> str:
    """Return a factor: `1.8 ×`."""
    if not _is_number(value):
        return not_measured(because)
    return f"{value:,.2f} ×" if value < 9.95 else f"{value:,.1f} ×"


def duration_text(seconds: float | None, because: str | None = None) -> str:
    """Return a time with three digits, and minutes from a minute on: `420 ms`, `1.23 s`, `12.3 s`, `3 min 05 s`."""
    if not _is_number(seconds):
        return not_measured(because)
    if seconds < 0:
        return f"−{duration_text(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.00995 else f"{1000 * seconds:.2g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s" if seconds else "0 ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def interval_text(low: float | None, high: float | None, *, decimals: int) -> str:
    """Return `0.12 to 0.34`, or nothing when an end is unknown."""
    if not (_is_number(low) and _is_number(high)):
        return ""
    return from_to(low, high, f",.{decimals}f")


def unit_text(value: float, unit: str) -> str:
    """Return a finite number in its unit: shares and scores (`1`) with two decimals, seconds with three digits."""
    return _BY_UNIT.get(unit, ratio_text)(value)


def unit_interval_text(low: float | None, high: float | None, unit: str) -> str:
    """Return both ends as their unit is shown, or nothing when one is unknown."""
    if unit == "s" and _is_number(low) and _is_number(high):
        return f"{duration_text(low)} to {duration_text(high)}"
    return interval_text(low, high, decimals=0 if unit in {"count", "tokens", "%"} else 2)


def moment_text(moment: datetime | None) -> str:
    """Return an aware time to the second, in UTC."""
    return NOT_MEASURED if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


_BY_UNIT: Mapping[str, Callable[[float], str]] = {
    "count": count_text,
    "tokens": count_text,
    "%": percent_text,
    "×": times_text,
    "s": duration_text,
    "GB": lambda value: f"{value:.2f} GB",
    "GiB": lambda value: f"{value:.1f} GiB",
    "tokens/s": lambda value: f"{value:,.1f}",
}
