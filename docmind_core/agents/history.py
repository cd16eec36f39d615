"""The conversation of the naive supervisor, as one transcript.

It is rendered into a single user message: chat templates differ in what sequences of roles they allow, and a
transcript is accepted by every model that vLLM serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn."""

    speaker: str
    text: str


def render_history(history: Sequence[Message]) -> str:
    """Return the whole conversation, oldest turn first."""
    return "\n\n".join(f"{message.speaker}: {message.text}" for message in history)
