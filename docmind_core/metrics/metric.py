"""What the catalogue says about one metric."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "none"]
Level = Literal["call", "query", "run", "comparison"]


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
    hard: bool | None = None
    """As a limit of a suite: whether missing it makes the answers useless. None when it is no limit."""
