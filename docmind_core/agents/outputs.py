"""Typed decisions of the agents.

Every field is bounded and the decision comes first: small models then stay inside the form, and the worst
case fits into `DECISION_MAX_TOKENS`. No field mixes a pattern with a length limit, which plain xgrammar refuses.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DECISION_MAX_TOKENS = 128
CHOICE_MAX_TOKENS = 16


class _Decision(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plan(_Decision):
    """The planner's search queries."""

    sub_queries: list[Annotated[str, Field(min_length=8, max_length=80)]] = Field(min_length=1, max_length=3)


class SearchRequest(_Decision):
    """The retrieval expert's own search query."""

    query: str = Field(min_length=3, max_length=120)


class Supported(StrEnum):
    """The validator's verdict."""

    YES = "yes"
    NO = "no"


class NextAction(StrEnum):
    """What the single agent does next."""

    ANSWER = "answer"
    SEARCH = "search"


class NextStep(_Decision):
    """The single agent's decision once it has read something."""

    action: NextAction
    query: str = Field(min_length=3, max_length=120)
