"""Sending what is due: at least once to each channel, every attempt recorded, no secret written anywhere."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from docmind_core.alerts.messages import Message, compose_test
from docmind_core.alerts.notices import (
    TEST_RUN,
    WaitingMessage,
    claim_messages,
    record_delivery,
    record_url,
    urls_reached,
    write_test_notice,
)
from docmind_core.errors import DeliveryError, SettingsError
from docmind_core.reports.text_safety import one_line, shortened
from docmind_core.settings import Settings, read_channel_url

HIDDEN = "***"
NOT_UNDERSTOOD = "Apprise does not support its URL"
_HOST = re.compile(r"[A-Za-z0-9.-]+")
_PARTS = re.compile(r"[:/@?&=+#,;\s]+")
_SCHEMES_WITH_A_HOST = {name + s for name in ("http", "json", "xml", "form", "mailto") for s in ("", "s")}
Send = Callable[[str, Message], str | None]
"""Takes a URL and a message; returns why it did not arrive, or None when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutcome:
    """Which channels took a message, and which did not."""

    delivered: tuple[str, ...]
    failed: tuple[str, ...]
    """`<channel>: <why>`, secrets left out."""
    given_up: tuple[str, ...] = ()
    """Of the failed ones, the channels that this message is not sent to again."""


def deliver_notice(settings: Settings, benchmark_run: str, seq: int, *, send: Send | None = None) -> DeliveryOutcome:
    """Send one message to each channel (and URL) that has not received it yet.

    A process that dies between sending and recording leaves the message to be sent again: at least once, never
    silently not. Two processes at once don't both send: each takes what the other has not.
    """
    delivered, failed, given_up = [], [], []
    for waiting in claim_messages(settings, benchmark_run, seq):
        error = _try(settings, (benchmark_run, seq), waiting, send or send_by_apprise)
        if record_delivery(settings, benchmark_run, seq, waiting, error):
            given_up.append(waiting.channel)
        if error is None:
            delivered.append(waiting.channel)
        else:
            failed.append(f"{waiting.channel}: {error}")
    return DeliveryOutcome(delivered=tuple(delivered), failed=tuple(failed), given_up=tuple(given_up))


def send_test(settings: Settings, channel: str) -> None:
    """Send a marked message through the real path and record its delivery.

    Raises:
        SettingsError: If the channel has no URL in the environment.
        DeliveryError: If it did not take the message.
    """
    read_channel_url(channel)
    seq = write_test_notice(settings, channel, compose_test(channel))
    outcome = deliver_notice(settings, TEST_RUN, seq)
    if outcome.failed:
        raise DeliveryError(
            f"channel {outcome.failed[0]}. Check its URL and whether the service is up, then test again."
        )


def send_by_apprise(url: str, message: Message) -> str | None:
    """Send a message to one URL; return why it did not arrive, without what is secret in the URL."""
    import apprise  # noqa: PLC0415 - takes two seconds

    with _captured_log() as lines:
        service = apprise.Apprise()
        if not service.add(url):
            return NOT_UNDERSTOOD
        wants_markdown = all(_format(server.notify_format) is apprise.NotifyFormat.MARKDOWN for server in service)
        result = service.notify(
            title=message.title,
            body=message.markdown if wants_markdown else message.text,
            body_format=apprise.NotifyFormat.MARKDOWN if wants_markdown else apprise.NotifyFormat.TEXT,
        )
        # Some targets of one URL may have taken it (PARTIAL): that is a failure, the URL is sent to again.
        if result.status == apprise.AppriseResultStatus.SUCCESS:
            return None
    said = redacted("; ".join(lines), url) or "the service did not accept the message"
    return shortened(one_line(said), characters=300)


def redacted(text: str, url: str) -> str:
    """Return `text` without the URL and without any part of it but the scheme, and the host where it is one.

    In `slack://token/...` and `pover://user@token` the token is where a web address has its host.
    """
    hidden = text.replace(url, HIDDEN)
    scheme, _, rest = url.partition("://")
    host = _host(scheme, rest)
    parts = {part for piece in _PARTS.split(rest) for part in (piece, unquote(piece))}
    for part in sorted(parts - {scheme, host, ""}, key=len, reverse=True):
        if len(part) >= 4:
            hidden = hidden.replace(part, HIDDEN)
    return hidden


def _format(formats: object) -> object:
    # A service names one format, or those it takes with the best one first.
    return formats[0] if isinstance(formats, tuple) else formats


def split_urls(text: str) -> tuple[str, ...]:
    """Return the URLs of a channel, each once; `scheme://` after white space, a comma or a semicolon begins one."""
    return tuple(dict.fromkeys(re.split(r"[\s,;]+(?=[A-Za-z0-9]+://)", text.strip())))


def _try(settings: Settings, key: tuple[str, int], waiting: WaitingMessage, send: Send) -> str | None:
    """Send to each URL of a channel that has not taken the message; return which did not take it now, and why."""
    channel, problems = waiting.channel, []
    try:
        urls = split_urls(read_channel_url(channel))
    except SettingsError as error:
        return str(error)
    reached = urls_reached(settings, *key, channel)
    for number, url in enumerate(urls, 1):
        if (digest := _digest(url)) in reached:
            continue
        problem = _send_to(url, waiting.message, send)
        if problem is None:
            record_url(settings, *key, channel, digest)
        else:
            problems.append(
                problem if len(urls) == 1 else f"URL {number} of {len(urls)} ({redacted_address(url)}): {problem}"
            )
    return "; ".join(problems) or None


def _send_to(url: str, message: Message, send: Send) -> str | None:
    try:
        return send(url, message)
    except Exception as error:  # noqa: BLE001 - one broken URL must not keep the others from being sent to
        return redacted(f"{type(error).__name__}: {one_line(str(error))}", url)


def _digest(url: str) -> str:
    """Return what tells the URLs of one channel apart, and is too short to guess a token by."""
    return hashlib.sha256(url.encode()).hexdigest()[:8]


def redacted_address(url: str) -> str:
    """Return a URL's scheme, and its host unless that is a token; nothing if the text is not a URL."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return HIDDEN
    host = _host(scheme, rest) if _HOST.fullmatch(_host(scheme, rest)) else ""
    return f"{scheme}://{host}/{HIDDEN}" if host else f"{scheme}://{HIDDEN}"


def _host(scheme: str, rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0] if scheme.lower() in _SCHEMES_WITH_A_HOST else ""


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Keep what Apprise logs to itself: it may name the URL, and the log of a run is read by many."""
    lines: list[str] = []
    apprise_log = logging.getLogger("apprise")
    handler = _ListHandler(lines)
    before = (apprise_log.propagate, apprise_log.level)
    http_log = logging.getLogger("urllib3")
    http_propagates = http_log.propagate
    apprise_log.addHandler(handler)
    apprise_log.propagate, http_log.propagate = False, False
    apprise_log.setLevel(logging.WARNING)
    try:
        yield lines
    finally:
        apprise_log.removeHandler(handler)
        apprise_log.propagate, http_log.propagate = before[0], http_propagates
        apprise_log.setLevel(before[1])


class _ListHandler(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Store the text of a log record."""
        self._lines.append(record.getMessage())
