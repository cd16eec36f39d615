"""When a request to the engine is sent again, and how long that waits."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HTTP_REDIRECT = 300
HTTP_CLIENT_ERROR = 400
HTTP_SERVER_ERROR = 500
_TIMED_OUT, _CONFLICT, _TOO_EARLY, _TOO_MANY = 408, 409, 425, 429
_TRANSIENT = frozenset({_TIMED_OUT, _CONFLICT, _TOO_EARLY, _TOO_MANY})
"""With every 5xx, what OpenAI's own client tries again; 425 asks for it by its definition (RFC 8470)."""
_TOO_LONG = "If the request is too long, lower answer_max_tokens or top_k"
_STATUS_ADVICE = {
    **dict.fromkeys((401, 403), "Check the key: it is missing, wrong, or not allowed to use this model"),
    404: "Check the engine's URL and the name of its model",
    **dict.fromkeys((400, 413, 422), _TOO_LONG),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try again: lost connections, cut streams and what `is_transient` says."""

    attempts: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    """Longest wait that the engine did not ask for."""
    longest_asked_s: float = 300.0
    """Longest wait that an engine may ask for; beyond it, the call fails."""

    def wait_s(self, attempt: int, asked_for_s: float | None) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (from 1): never less than asked for.

        Up to a quarter is added, so that calls that were refused together don't come back together.
        """
        backoff = min(self.first_wait_s * 2.0 ** (attempt - 1), self.longest_wait_s)
        return max(backoff, asked_for_s or 0.0) * random.uniform(1.0, 1.25)

    def gives_up(self, attempt: int, asked_for_s: float | None) -> bool:
        """Return whether failed attempt number `attempt` is the last one."""
        return attempt >= self.attempts or bool(self.objection(asked_for_s))

    def objection(self, asked_for_s: float | None) -> str:
        """Say why a requested wait is refused; "" for one that is granted."""
        if asked_for_s is None or asked_for_s <= self.longest_asked_s:
            return ""
        return f"; it asked us to wait {asked_for_s:,.0f} s; the maximum is {self.longest_asked_s:,.0f} s"


class Retryable(Exception):
    """An attempt failed in a way that another may not."""

    def __init__(self, what: str, *, asked_for_s: float | None = None) -> None:
        """Keep what happened.

        Args:
            what: What the engine did, to follow its name: "answers HTTP 503: busy".
            asked_for_s: How long the engine wants to be left alone.
        """
        super().__init__(what)
        self.what = what
        self.asked_for_s = asked_for_s


def is_transient(status: int) -> bool:
    """Whether another request may fare better than one with this HTTP status."""
    return status in _TRANSIENT or status >= HTTP_SERVER_ERROR


def computed_nothing(status: int) -> bool:
    """Whether a response with this status tells that the engine computed nothing: a refusal does.

    After a 5xx, and after a server or proxy gave up waiting, it may have computed the whole reply.
    """
    return status < HTTP_SERVER_ERROR and status != _TIMED_OUT


def status_advice(status: int) -> str:
    """Return what to do about a status that a retry would not change, as a sentence; "" for others."""
    if HTTP_REDIRECT <= status < HTTP_CLIENT_ERROR:
        return " Give the URL of the engine itself."
    advice = _STATUS_ADVICE.get(status)
    return f" {advice}." if advice else ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait that a response asks for, in seconds; None when it names none that can be understood.

    A time of day is compared with the response's own `Date`, where it has one: clocks differ.
    """
    asked = headers.get("Retry-After")
    if asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        until = _http_date(asked)
        if until is None:
            return None
        now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
