"""How to reach an engine, and what is known about it."""

import ssl
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import certifi

from docmind_core.errors import EngineStartError, EngineUnreachable, SettingsError
from docmind_core.serving.dialects import VLLM, Dialect
from docmind_core.serving.engine_state import last_words
from docmind_core.settings import read_http_settings

_SECRET_LENGTH_MIN = 12
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConnection:
    """One engine that answers, managed by this project or run by someone else."""

    base_url: str
    """`http://127.0.0.1:8123`: without `/v1`, without a trailing slash."""
    model: str
    """Name under which the engine serves its model, as `/v1/models` says."""
    api_key: str | None = field(default=None, repr=False)
    managed: bool
    detached: bool = False
    """True for a managed engine that `docmind engine start` left running: others may send requests to it too."""
    profile: str | None = None
    plumbing: bool = False
    """True for a smoke-test model."""
    max_model_len: int | None = None
    """Context window, in tokens."""
    engine_version: str | None = None
    engine_args_hash: str | None = None
    dtype: str | None = None
    """Number format of weights and activations; None on a remote engine, which does not say it."""
    model_revision: str | None = None
    weights_hash: str | None = None
    model_folder: Path | None = None
    """Folder of a managed engine's model, with its tokenizer and chat template."""
    batch_invariant: bool | None = None
    prefix_cache_resettable: bool = False
    dialect: Dialect = VLLM
    """What may be asked of it beyond the OpenAI API, and how."""
    log: Path | None = None
    """Where a managed engine writes what it does."""
    further_urls: tuple[str, ...] = ()
    """Of the other replicas, where several engines serve the same; written as `base_url` is."""

    @property
    def replicas(self) -> "tuple[EngineConnection, ...]":
        """One connection for each replica, in the order of their URLs; of a single engine, the connection itself."""
        if not self.further_urls:
            return (self,)
        urls = (self.base_url, *self.further_urls)
        return tuple(replace(self, base_url=url, further_urls=()) for url in urls)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request; they hold the key, so never log them."""
        return authorization(self.api_key)

    def redact(self, text: str) -> str:
        """Remove the key from a text that is shown or stored."""
        return text.replace(self.api_key, "[key]") if self.api_key else text

    def redact_reply(self, text: str) -> str:
        """Take the key out of a model's reply; a placeholder like EMPTY stays, which may be a word of the answer."""
        return self.redact(text) if len(self.api_key or "") >= _SECRET_LENGTH_MIN else text


def authorization(api_key: str | None) -> dict[str, str]:
    """The header that carries the key, or no header without one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def http_options(url: str) -> dict[str, Any]:
    """Return the httpx client options for a server, with proxy and certificates taken from the environment.

    Raises:
        SettingsError: If the environment's proxy or certificates can't be used.
    """
    proxy, context = way_to(url)
    return {"proxy": proxy, "verify": context, "trust_env": False}


def way_to(url: str) -> tuple[str | None, ssl.SSLContext]:
    """Return the proxy on the way to a server, if any, and what certificates are checked by.

    Raises:
        SettingsError: If the environment's proxy or certificates can't be used.
    """
    found = read_http_settings(url)
    if not (url.startswith("https:") or (found.proxy or "").startswith("https:")):
        return found.proxy, _trusting(None, None, nothing=True)
    return found.proxy, _trusting(found.certificate_file, found.certificate_folder)


@cache
def _trusting(file: Path | None, folder: Path | None, *, nothing: bool = False) -> ssl.SSLContext:
    """Return a context that trusts what is named, else the certificates of the system and of certifi."""
    if nothing:  # loading certificates takes a tenth of a second
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=file, capath=folder)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(f"{file or folder} contains no readable certificates: {error}") from error
    if file is None and folder is None:
        context.load_verify_locations(certifi.where())
    return context


def unreachable(connection: EngineConnection, what: str) -> EngineUnreachable:
    """Build the error, in one line: where, what, what a managed engine's log says, and what to do next.

    Args:
        connection: To which engine.
        what: What the engine did, to follow its name: "stopped answering (timed out)".
    """
    happened = f"the engine at {connection.base_url} {_short(connection.redact(what))}."
    if connection.log is None:
        return EngineUnreachable(f"{happened} Check that it is running and check its log, then rerun with --resume.")
    return EngineUnreachable(
        f"{happened} {_log_says(connection.log)} Rerun with --resume, which restarts the engine if needed."
    )


def ended_early(url: str, log: Path) -> EngineStartError:
    """Build the error about a managed engine that was healthy and stopped answering before the first query."""
    return EngineStartError(
        f"the engine at {url} started, but stopped answering before the first query. {_log_says(log)} "
        "Fix the cause and run the command again."
    )


def _log_says(log: Path) -> str:
    return f"Last lines of its log: {_short('; '.join(last_words(log)) or 'nothing')} (log: {log})."


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
