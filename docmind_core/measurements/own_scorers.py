"""Runs the user's scorers: even if they fail, each query run gets a value or a reason."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from docmind_core.errors import UsageError
from docmind_core.measurements.records import QueryRun, Score
from docmind_core.metrics.metric import SCORER_DEADLINE_S
from docmind_core.metrics.reasons import REASONS
from docmind_core.plugins import described
from docmind_core.query_sets.queries import Query
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.suites.scorers import load_scorer

FAILED, IMPLAUSIBLE = "scorer_failed", "implausible"
DETAIL_MAX = 300
_FIXED_AT_START = ("name", "unit", "range", "better")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScorer:
    """A user's scorer, or why it could not be loaded."""

    own: OwnMetric
    """As it was declared when the run began: what the limits and the report go by."""
    version: str
    """The scorer's own, and the beginning of its file's hash: a rescored run shows which formula it has."""
    score: Any = None
    broken: str | None = None
    deadline_s: float = SCORER_DEADLINE_S
    """Longest that one call may take."""

    def __call__(self, query: Query, run: QueryRun, /) -> Score:
        """Return the value that the scorer gives, or the reason for which there is none."""
        if self.broken is not None:
            return self._missing(FAILED, self.broken)
        try:
            found = self.score(query, run)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a scorer may do anything, and costs its metric alone
            return self._missing(FAILED, described(error, self.own.scorer.rpartition(":")[0]))
        return self._checked(found)

    def _checked(self, found: object) -> Score:
        value = found.value if isinstance(found, Score) else found
        if isinstance(found, Score) and value is None:
            if found.missing_because in REASONS:
                return Score.missing(self.own.name, because=str(found.missing_because))
            return self._missing(IMPLAUSIBLE, f"unknown reason {found.missing_because!r}; docs/metrics.md lists them")
        if isinstance(value, bool) or not isinstance(value, Real):
            return self._missing(IMPLAUSIBLE, f"returned {_kind(value)}, not a number")
        try:
            number = float(value)
        except (OverflowError, ValueError):
            return self._missing(IMPLAUSIBLE, "returned a number too large to store")
        if not math.isfinite(number) or not self.own.allows(number):
            return self._missing(IMPLAUSIBLE, f"returned {number:g}; the range is {self.own.range}")
        return Score(metric=self.own.name, value=number)

    def _missing(self, because: str, detail: str) -> Score:
        return Score(metric=self.own.name, missing_because=because, detail=detail[:DETAIL_MAX])


def open_own_scorer(own: OwnMetric) -> OwnScorer:
    """Load the current scorer of a metric; one that can no longer be used is marked broken, with the reason."""
    try:
        loaded = load_scorer(own.scorer)
    except UsageError as error:
        return OwnScorer(own=own, version=f"{own.version}+{own.sha256[:8]}", broken=str(error))
    changed = [
        f"{name} {getattr(own, name)!r} → {getattr(loaded.own, name)!r}"
        for name in _FIXED_AT_START
        if getattr(own, name) != getattr(loaded.own, name)
    ]
    return OwnScorer(
        own=own,
        version=f"{loaded.own.version}+{loaded.own.sha256[:8]}",
        score=loaded.score,
        deadline_s=loaded.deadline_s,
        broken=f"the metric has changed since the run started ({', '.join(changed)}); start a new run"
        if changed
        else None,
    )


def _kind(value: object) -> str:
    return repr(value) if value is None or isinstance(value, bool) else f"a {type(value).__name__}"
