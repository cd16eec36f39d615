"""What a fake engine may be told to do in place of an answer."""

from dataclasses import dataclass, field
from typing import Any

ENGINE_DIED = 'data: {"error": {"message": "EngineCore", "type": "InternalServerError", "param": null, "code": 500}}'
"""What vLLM 0.32 sends into each open stream when its core dies."""


class Raw(str):
    """What stands in a stream in place of a reply."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Stands in place of a reply, in these pieces."""

    pieces: tuple[bytes, ...]
    ends: str = "well"
    """`well`, `drop` (the connection is closed in the middle), `hang` (nothing more comes), `never` (over and over)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Until:
    requests: int
    then: Any = None


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str | None
