"""How to reach an engine, and what is known about it."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from docmind_core.serving.dialects import VLLM, Dialect

_SECRET_LENGTH_MIN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConnection:
    """One engine that answers, managed by this project or run by somebody else."""

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
    """True for a model that is good enough to check the plumbing and nothing else."""
    max_model_len: int | None = None
    """Context window, in tokens."""
    engine_version: str | None = None
    engine_args_hash: str | None = None
    dtype: str | None = None
    """Number format of weights and activations; None on a remote engine, which does not say it."""
    model_revision: str | None = None
    weights_hash: str | None = None
    model_folder: Path | None = None
    """Where a managed engine's model lies, its tokenizer and chat template among the files."""
    batch_invariant: bool | None = None
    prefix_cache_resettable: bool = False
    dialect: Dialect = VLLM
    """What may be asked of it beyond the OpenAI API, and how."""
    log: Path | None = None
    """Where a managed engine writes what it does."""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request; they hold the key, so never log them."""
        return authorization(self.api_key)

    def redact(self, text: str) -> str:
        """Take the key out of a text that somebody may read."""
        return text.replace(self.api_key, "[key]") if self.api_key else text

    def redact_reply(self, text: str) -> str:
        """Take the key out of a model's reply; a placeholder like EMPTY stays, which may be a word of the answer."""
        return self.redact(text) if len(self.api_key or "") >= _SECRET_LENGTH_MIN else text

    @property
    def uses_proxies(self) -> bool:
        """Whether HTTP_PROXY and its kin apply: not on loopback, where no proxy could reach the engine."""
        return not is_loopback(self.base_url)


def authorization(api_key: str | None) -> dict[str, str]:
    """The header that carries the key, or no header without one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine's loopback interface."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
