"""What the catalogue says about one metric."""

import math
import re
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "none"]
Level = Literal["call", "query", "run", "comparison"]
ANY_NUMBER = "any number"
SCORER_DEADLINE_S = 60.0
"""How long a user's scorer may take for one query run, unless it says otherwise."""
_NUMBER = re.compile(r"(?<![\w-])-?\d[\d,]*(?:\.\d+)?(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number the platform shows."""

    name: str
    """Ends in its unit, or in `_ratio` for a share, unless the field has its own word."""
    unit: str
    """`1` for shares, ratios and yes/no."""
    range: str
    better: Direction
    level: Level
    """What has one value of it."""
    definition: str
    missing: str = "never"
    """When there is no value, with the reason."""
    source: str
    """Where it is stored: table or view, and column or row."""
    gating: bool = False
    """Whether a claim or a gate rests on it; all other metrics explore."""
    rows: str | None = None
    """Table with a row per single value, which a limit can take the mean, the share or the p95 of; None without one."""
    formula: str | None = None
    """SQL over a row of `rows`; by default its column of the metric's name, or its score of that name."""
    because: str | None = None
    """Column of `rows` with the reason of a missing value."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value of `range`; infinite where it names none."""
        return bounds_of(self.range)


def bounds_of(written: str) -> tuple[float, float]:
    """Return the smallest and the largest number of a range as a metric writes it: `0 to 1`, `above 0`, `up to 100`."""
    if written == ANY_NUMBER:
        return -math.inf, math.inf
    known = [float(number.replace(",", "")) for number in _NUMBER.findall(written)]
    if written.startswith("up to"):
        return -math.inf, known[0]
    return (known[0] if known else 0.0), (known[1] if len(known) > 1 else math.inf)
