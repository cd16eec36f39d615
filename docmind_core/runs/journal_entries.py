"""What stands in a journal beside the rows of the tables, and how a value is written there."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CallMatch = tuple[str, str, str]
"""Agent, task and request hash: what makes a call of an interrupted query the same call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A call that failed for good, and what its agent was told."""

    call_id: str
    match: CallMatch
    error_type: str
    error_message: str


def encode(value: Any) -> str:
    """Return a value as JSON; times keep that they are times."""
    return json.dumps(value, default=_encode_time, ensure_ascii=False, separators=(",", ":"))


def _encode_time(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"utc": value.isoformat()}
    raise TypeError(f"{type(value).__name__} has no place in the journal")


def decode(text: str) -> Any:
    """Return what was encoded."""
    return json.loads(text, object_hook=_decode_time)


def _decode_time(entry: dict[str, Any]) -> Any:
    return datetime.fromisoformat(entry["utc"]) if entry.keys() == {"utc"} else entry
