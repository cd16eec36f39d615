"""What a suite may name as its engine: a profile, or URLs that hold no key."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

NO_KEY = "a key in the engine's URL would be stored; put it into an environment variable (api_key_env, --api-key-env)"
BETWEEN_URLS = ","


def checked_engine(engine: str) -> str:
    """Return the engine as it is stored: a profile's name, or URLs whose schemes are in small letters.

    Raises:
        ValueError: Neither of them, a URL with more than a host and a path, or one that is named twice. The text never
            repeats what was given: a key may be in it.
    """
    engine = engine.strip()
    if _PROFILE.fullmatch(engine):
        return engine
    urls = [_checked_url(url.strip()) for url in engine.split(BETWEEN_URLS)]
    if len({url.rstrip("/") for url in urls}) != len(urls):
        raise ValueError("an engine's URL appears twice")
    return BETWEEN_URLS.join(urls)


def _checked_url(url: str) -> str:
    if re.search(r"[@?#]", url):
        raise ValueError(NO_KEY)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("neither a profile name nor an engine URL such as http://127.0.0.1:8000")
    return parts._replace(scheme=parts.scheme.lower()).geturl()


def _on_one_line(given: object) -> object:
    """Write a list of URLs as the command line takes it."""
    if isinstance(given, list | tuple) and all(isinstance(url, str) for url in given):
        if not given:
            raise ValueError("has no engine")
        return BETWEEN_URLS.join(given)
    return given


EngineAddress = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=20_000),
    BeforeValidator(_on_one_line),
    AfterValidator(checked_engine),
]
"""A profile to start, the URL of a running engine, or those of several that serve the same."""
