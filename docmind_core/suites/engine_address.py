"""What a suite may name as its engine: a profile, or a URL that holds no key."""

import re
from urllib.parse import urlsplit

_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

NO_KEY = "a key in the engine's URL would be stored; name the variable that holds it: api_key_env, --api-key-env"


def checked_engine(engine: str) -> str:
    """Return the engine as it is stored: a profile's name, or a URL whose scheme is in small letters.

    Raises:
        ValueError: Neither of them, or a URL with more than a host and a path. The text never repeats what was given:
            a key may be in it.
    """
    engine = engine.strip()
    if _PROFILE.fullmatch(engine):
        return engine
    if re.search(r"[@?#]", engine):
        raise ValueError(NO_KEY)
    try:
        parts = urlsplit(engine)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("neither the name of a profile nor the URL of an engine, like http://127.0.0.1:8000")
    return parts._replace(scheme=parts.scheme.lower()).geturl()
