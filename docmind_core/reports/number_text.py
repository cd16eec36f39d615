"""Numbers as a report shows them: rounded to what their noise allows, with a unit, and never 0 for "not measured"."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeGuard

from docmind_core.metrics.reasons import reason_text

NOT_MEASURED = "not measured"


def not_measured(because: str | None) -> str:
    """Return `not measured: <reason>`; a reason of docs/metrics.md is shown as its phrase, a sentence as it is."""
    return f"{NOT_MEASURED}: {reason_text(because)}" if because else NOT_MEASURED


def count_text(value: float | None, because: str | None = None) -> str:
    """Return a count or a mean count: `1,234`, and `3.5` below 100 unless it is whole."""
    if not _is_number(value):
        return not_measured(because)
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}"


def counted(count: int, noun: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent_text(value: float | None, because: str | None = None) -> str:
    """Return a percentage that is already in percent: `41 %`, and one decimal below 10."""
    if not _is_number(value):
        return not_measured(because)
    return f"{_signed(value, 1 if abs(value) < 9.95 else 0)} %"


def ratio_text(value: float | None, because: str | None = None) -> str:
    """Return a share or score in [0, 1] with two decimals."""
    return _signed(value, 2) if _is_number(value) else not_measured(because)


def times_text(value: float | None, because: str | None = None) -> str:
    """Return a factor: `1.8 ×`."""
    if not _is_number(value):
        return not_measured(because)
    return f"{value:,.2f} ×" if value < 9.95 else f"{value:,.1f} ×"


def seconds_text(seconds: float | None, because: str | None = None) -> str:
    """Return seconds with three digits: `0.42 ms`, `420 ms`, `1.23 s`, `12.3 s`, `2 min 05 s`."""
    if not _is_number(seconds):
        return not_measured(because)
    if seconds >= 100:
        return duration_text(seconds)
    if abs(seconds) >= 0.9995:
        text = f"{seconds:.3g} s" if abs(seconds) < 99.95 else f"{seconds:,.0f} s"
    elif abs(seconds) >= 0.00995 or seconds == 0:
        text = f"{1000 * seconds:.0f} ms"
    else:
        text = f"{1000 * seconds:.2g} ms"
    return text.replace("-", "−")


def interval_text(low: float | None, high: float | None, *, decimals: int) -> str:
    """Return `0.12 to 0.34`, or nothing when an end is unknown."""
    if not (_is_number(low) and _is_number(high)):
        return ""
    return f"{_signed(low, decimals)} to {_signed(high, decimals)}"


def unit_text(value: float, unit: str) -> str:
    """Return a finite number in its unit: shares and scores (`1`) with two decimals, seconds with three digits."""
    return _BY_UNIT.get(unit, ratio_text)(value)


def unit_interval_text(low: float | None, high: float | None, unit: str) -> str:
    """Return both ends as their unit is shown, or nothing when one is unknown."""
    if unit == "s" and _is_number(low) and _is_number(high):
        return f"{seconds_text(low)} to {seconds_text(high)}"
    return interval_text(low, high, decimals=0 if unit in {"count", "tokens", "%"} else 2)


def moment_text(moment: datetime | None) -> str:
    """Return an aware time to the second, in UTC."""
    return NOT_MEASURED if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"


def duration_text(seconds: float | None, because: str | None = None) -> str:
    """Return how long something took, for people: `450 ms`, `6.4 s`, `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if not _is_number(seconds):
        return not_measured(because)
    if seconds < 10:
        return seconds_text(seconds) if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _signed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


_BY_UNIT: Mapping[str, Callable[[float], str]] = {
    "count": count_text,
    "tokens": count_text,
    "%": percent_text,
    "×": times_text,
    "s": seconds_text,
    "GB": lambda value: f"{value:.2f} GB",
    "GiB": lambda value: f"{value:.1f} GiB",
    "tokens/s": lambda value: f"{value:,.1f}",
}
