"""What a scorer sees, and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    """False where what a system of the user found is not logged: it may have found everything, or nothing."""
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
    """One metric of one query run: a value, or the reason why there is none."""

    metric: str
    value: float | None = None
    missing_because: str | None = None

    @classmethod
    def missing(cls, metric: str, *, because: str) -> "Score":
        """Build a score without a value; `because` stands in the list of `catalogue.REASONS`."""
        return cls(metric=metric, missing_because=because)


Scorer = Callable[[Query, QueryRun], Score]
