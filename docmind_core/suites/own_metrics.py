"""A user's metric, as the suite of a benchmark run keeps it."""

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from docmind_core.metrics.metric import ANY_NUMBER, Metric, bounds_of
from docmind_core.suites.plain_values import PlainText

_NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
_RANGES = re.compile(rf"0 or 1|{_NUMBER} to {_NUMBER}|{_NUMBER} and above|above {_NUMBER}|up to {_NUMBER}|{ANY_NUMBER}")
_RANGES_SHOWN = f"0 or 1, 0 to 1, 0 and above, above 0, up to 100, {ANY_NUMBER}"

Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,80}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,2000}$")]


class OwnMetric(BaseModel):
    """What a scorer said of its metric when a benchmark run began: reading the run does not need the user's code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scorer: Text
    """`file.py:name`, `package.module:name`, or an entry point."""
    sha256: str
    """Of the file or the package that the scorer is in."""
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_@]{0,59}$")]
    version: Line
    unit: Line
    range: Line
    better: Literal["higher", "lower", "none"]
    definition: Text
    missing: Text

    @field_validator("range")
    @classmethod
    def _refuse_unread_ranges(cls, given: str) -> str:
        if not _RANGES.fullmatch(given):
            raise ValueError(f"{given!r} is not a valid range. Write it like one of: {_RANGES_SHOWN}")
        low, high = bounds_of(given)
        if not low < high:
            raise ValueError(f"{given!r} contains no number")
        return given

    @property
    def metric(self) -> Metric:
        """Return it as an entry of the catalogue."""
        return Metric(
            name=self.name,
            unit=self.unit,
            range=self.range,
            better=self.better,
            level="query",
            definition=self.definition,
            missing=self.missing,
            source="`measurements`; mean and clustered standard error in `quality_summary`. "
            f"Scored by `{self.scorer}`, version {self.version}",
            rows="measurements",
        )

    def allows(self, value: float) -> bool:
        """Say whether a value is in the range that the scorer declares."""
        if self.range == "0 or 1":
            return value in (0.0, 1.0)
        low, high = bounds_of(self.range)
        return low <= value <= high and not (self.range.startswith("above") and value == low)


Scorer = Annotated[
    Annotated[OwnMetric, Tag("metric")] | Annotated[PlainText, Tag("scorer")],
    Discriminator(lambda given: "metric" if isinstance(given, dict | OwnMetric) else "scorer"),
]
"""An entry of `metrics:`: the reference of a scorer, and in a frozen suite what it said of its metric."""


def reference_of(entry: OwnMetric | str) -> str:
    """Return the reference that an entry of `metrics:` was written as."""
    return entry.scorer if isinstance(entry, OwnMetric) else entry


def own_metrics_of(manifest: object) -> dict[str, Metric]:
    """Return by name the user's metrics that a run was made with, out of the JSON of its manifest."""
    suite = json.loads(str(manifest or "{}")).get("suite", {})
    found = [OwnMetric.model_validate(entry) for entry in suite.get("metrics", ()) if isinstance(entry, dict)]
    return {own.name: own.metric for own in found}
