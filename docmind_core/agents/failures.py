"""What is recorded of an agent that failed."""

from dataclasses import dataclass


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
