"""Conversations about the topics: threads of questions that go on from each other, for trimming a history.

An extension of the normal form, `conversations.jsonl`: each turn names the query of `queries.jsonl` that it asks in
other words, so that its gold answers and its evidence are those of that query.
"""

import json
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CONVERSATIONS_FILE = "conversations.jsonl"
TURNS_MIN = 6
"""With fewer, keeping the first turn and the last five keeps all."""


class ConversationTurn(BaseModel):
    """A question within a conversation, and a right reply to it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    query_id: str
    """Of the query in `queries.jsonl` that is asked here."""
    query: str
    reply: str


class Conversation(BaseModel):
    """One thread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conversation_id: str
    title: str
    turns: Annotated[tuple[ConversationTurn, ...], Field(min_length=TURNS_MIN)]


def written_conversations() -> tuple[Conversation, ...]:
    """Return the conversations as they were written, in the order of their file."""
    file = resources.files("docmind_core.query_sets.python_reference") / CONVERSATIONS_FILE
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(Conversation.model_validate(json.loads(line)) for line in lines)
