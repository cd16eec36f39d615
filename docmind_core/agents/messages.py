"""A message of a conversation: of the user's with an assistant, or of the agents among themselves."""

from dataclasses import dataclass

USER = "user"
ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one speaker said."""

    speaker: str
    text: str
