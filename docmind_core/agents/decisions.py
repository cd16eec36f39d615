"""What is recorded of how an answer came about: routes, reranks, votes, and agents that failed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRecord:
    """How a question is searched for, who decided so, and what the rules say."""

    strategy: str
    rule_strategy: str
    """What the level's rules choose, open in the suite or not."""
    confidence: float | None
    """The deciding rule's constant in [0, 1]; None when no rule decided: the model states none."""
    decided_by: str
    """`rules`, `model`, or `suite` when its own strategy replaced a choice that was not open or not readable."""
    reasoning: str
    top_k: int
    """Candidates that the level asks for: 10, 15 or 20."""
    rerank: bool
    """Whether the level asks for them to be reordered."""
    fell_back_because: str | None = None
    """`late` (a cheaper level's rules decided), `deadline`, `invalid_output` or `call_failed` (the model's part),
    `one_strategy` (nothing to ask about), `not_open`; None when there was no fallback."""

    @property
    def agrees(self) -> bool | None:
        """Whether the model chose as the rules would; None when it did not decide."""
        return self.strategy == self.rule_strategy if self.decided_by == "model" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankRecord:
    """How the candidates of a query were reordered."""

    candidates: int
    """How many were."""
    ordered_by: str
    """`model` or `mmr`."""
    similarity: str | None
    """What MMR compared passages by: `embeddings`, or `words` without a semantic index; None for the model's order."""
    mmr_because: str | None
    """`call_failed`, `invalid_output` or `repeats`; None for the model's order."""
    kept: int
    """How many of the first `final_k` were among them before."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Which agent failed, and how."""

    agent: str
    error_type: str
    message: str

    @classmethod
    def of(cls, agent: str, error: Exception) -> "Failure":
        """Return the failure that an exception amounts to; one without a text is named by its class."""
        kind = type(error).__name__
        return cls(agent=agent, error_type=kind, message=str(error) or kind)

    def __str__(self) -> str:
        return f"{self.agent} failed: {self.error_type}: {self.message}"
