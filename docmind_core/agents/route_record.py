"""What is recorded of a router's choice."""

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
