"""What is recorded of a vote among single passes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRecord:
    """One pass of a vote."""

    task: str
    answer: str
    votes: int
    """How many passes gave this answer, this one among them."""
    chosen: bool
    """Whether it is the answer of the query: the first pass of the largest group, the earlier group on a tie."""
    temperature: float
    billed_tokens: int | None
    """Of this pass; None where the engine sent no usage."""
    budget_tokens: int
    """What all passes together may cost; the first one is made whatever it costs."""
