"""What a scorer sees, and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from docmind_core.metrics.metric import SCORER_DEADLINE_S, Direction, Metric
from docmind_core.query_sets.queries import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRun:
    """What one arm did with one query in one replicate."""

    query_id: str
    replicate: int = 0
    answer: str | None
    """None when the query failed."""
    ended_because: str | None = None
    """How the reply ended that was to be the answer, a key of `reply_endings.QUERY_ENDINGS`; None when unknown."""
    abstained: bool | None = None
    """Whether the answer says that the documents don't hold it; None when the query failed."""
    cited_chunk_ids: tuple[str, ...] = ()
    candidate_chunk_ids: tuple[str, ...] = ()
    """The ranking that retrieval metrics judge, best first; empty when nothing was found or searched."""
    ranking_known: bool = True
    """False where what a user's system found is not logged: it may have found everything, or nothing."""
    reading_known: bool = True
    """False where what it read is not logged."""
    passages: Mapping[str, str] = field(default_factory=dict)
    """Text by chunk id of what reached the synthesizer, as far as a gold document holds it."""

    @property
    def failed(self) -> bool:
        """Whether there is no answer: bad in every metric of the answer, and never left out."""
        return self.answer is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one query run: a value, or the reason it is missing."""

    metric: str
    value: float | None = None
    missing_because: str | None = None
    detail: str | None = None
    """What a user's scorer did wrong, in one line; None for every other score."""

    @classmethod
    def missing(cls, metric: str, *, because: str) -> "Score":
        """Build a score without a value; `because` is one of `reasons.REASONS`."""
        return cls(metric=metric, missing_because=because)


Formula = Callable[[Query, QueryRun], object]
"""Returns a number, or a `Score` without a value and with its reason."""


class Scorer(Protocol):
    """Takes one metric of a query run."""

    @property
    def metric(self) -> Metric:
        """What it measures."""
        ...

    @property
    def version(self) -> str:
        """Raised whenever the formula changes, so that old and new rows can be distinguished."""
        ...

    def __call__(self, query: Query, run: QueryRun, /) -> Score:
        """Return the value, or the reason it is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaScorer:
    """A scorer made of a formula."""

    metric: Metric
    version: str
    formula: Formula
    deadline_s: float = SCORER_DEADLINE_S
    """Longest that one call may take where the scorer is the user's; a longer one is ended."""

    def __call__(self, query: Query, run: QueryRun, /) -> Score:
        """Return the value, or the reason it is missing."""
        found = self.formula(query, run)
        return found if isinstance(found, Score) else Score(metric=self.metric.name, value=found)  # type: ignore[arg-type]


def scorer(  # noqa: PLR0913 - one keyword for each fact of a metric
    *,
    unit: str,
    range: str,  # noqa: A002 - as in the catalogue
    better: Direction,
    definition: str,
    missing: str = "never",
    version: str = "1",
    deadline_s: float = SCORER_DEADLINE_S,
) -> Callable[[Formula], FormulaScorer]:
    """Make a scorer of a function of a query and its run, which gives the metric its name.

    A suite names it: `metrics: ["my_scorers.py:answer_words"]`.

    Args:
        unit: Of the number; `1` for shares, scores and yes/no.
        range: `0 or 1`, `0 to 1`, `0 and above`, `above 0`, `up to 100` or `any number`; a value outside it is refused.
        better: `higher`, `lower`, or `none`, which can be limited from both sides.
        definition: What the number is, in words that a reader of a report understands.
        missing: When there is no value.
        version: Raise it whenever the formula changes.
        deadline_s: Longest that one call may take, seconds; then it is ended and there is no value.
    """

    def made(formula: Formula) -> FormulaScorer:
        metric = Metric(
            name=formula.__name__,
            unit=unit,
            range=range,
            better=better,
            level="query",
            definition=definition,
            missing=missing,
            source="`measurements`",
        )
        return FormulaScorer(metric=metric, version=version, formula=formula, deadline_s=deadline_s)

    return made
