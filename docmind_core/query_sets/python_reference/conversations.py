"""Conversations about the topics: threads of questions that build on each other, for trimming a history.

In `conversations.jsonl` each turn names the query of `queries.jsonl` that it asks in other words, so that its gold
answers and its evidence are those of that query. Of each thread the last question is asked, with what was said before
as its history.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from docmind_core.query_sets.documents import EarlierMessage
from docmind_core.query_sets.python_reference.questions import LocatedQueries

CONVERSATIONS_FILE = "conversations.jsonl"
TURNS_MIN = 8
"""With fewer, keeping the first and the last five of the turns before the last question keeps all."""


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


def conversation_queries(conversations: Sequence[Conversation], located: LocatedQueries) -> LocatedQueries:
    """Return the last question of each conversation, with the turns before it and the gold of the query it names."""
    gold = {query.query_id: query for query in located.queries}
    queries, notices = [], []
    for conversation in conversations:
        *earlier, last = conversation.turns
        named = gold.get(f"py_{last.query_id}")
        if named is None:
            notices.append(
                f"conversation {conversation.conversation_id} was left out, as was its query {last.query_id}"
            )
            continue
        said = [(role, text) for turn in earlier for role, text in (("user", turn.query), ("assistant", turn.reply))]
        queries.append(
            replace(
                named,
                query_id=f"py_conversation_{conversation.conversation_id}",
                text=last.query,
                tags=(*named.tags, "conversation"),
                history=tuple(EarlierMessage(role=role, content=text) for role, text in said),
            )
        )
    return LocatedQueries(queries=tuple(queries), notices=tuple(notices))
