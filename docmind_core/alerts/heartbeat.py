"""An outbound heartbeat: its receiver notices when monitoring has stopped."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from docmind_core.alerts.delivery import redacted_address
from docmind_core.alerts.listing import alerting_health
from docmind_core.errors import SettingsError
from docmind_core.serving.connection import http_options
from docmind_core.settings import Settings, read_heartbeat_url

TIMEOUT_S = 10.0


def send_heartbeat(settings: Settings) -> str | None:
    """Send a request to the URL in `DOCMIND_HEARTBEAT_URL`, as healthchecks.io and similar services expect.

    No heartbeat is sent while a channel rejects its messages: alerts would go unnoticed. Never raises
    and never says the URL, which is a secret.

    Returns:
        Why none was sent, in one line; None when it was, or when no URL is set.
    """
    url = read_heartbeat_url()
    if url is None:
        return None
    deaf = [row["name"] for row in alerting_health(settings) if row["subject"] == "channel" and row["stale"]]
    if deaf:
        return f"no heartbeat while a channel rejects its messages: {', '.join(deaf)}"
    try:
        with _quiet_client(), httpx.Client(timeout=TIMEOUT_S, **http_options(url)) as client:
            answer = client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL, SettingsError, ValueError) as error:
        return f"the heartbeat to {redacted_address(url)} failed ({type(error).__name__})"
    return (
        None
        if answer.is_success
        else f"the heartbeat to {redacted_address(url)} was answered with HTTP {answer.status_code}"
    )


@contextmanager
def _quiet_client() -> Iterator[None]:
    """The client logs each URL that it asks; the log of a sensor is read by many."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
