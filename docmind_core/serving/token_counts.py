"""How many tokens a prompt has for the model that an engine serves: exactly, before it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineUnreachable
from docmind_core.serving.connection import EngineConnection

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

_TIMEOUT_S = 30.0
_REMEMBERED = 8192
"""Pieces whose count is remembered: strategies ask for the same ones again."""


class _Bounded:
    """A bound on a prompt's tokens: a token stands for at least one byte, the template costs what it costs.

    It holds for every tokenizer that doesn't lengthen the text first, as byte-level BPE never does.
    """

    def __init__(self) -> None:
        self._template_tokens: int | None = None

    def prompt_at_most(self, system: str, user: str) -> int:
        """Return the bytes of both texts, and the tokens of the chat template."""
        if self._template_tokens is None:
            # Not with empty texts: some templates put their own system prompt in place of an empty one.
            self._template_tokens = self.prompt("a", "a")
        return self._template_tokens + len(system.encode()) + len(user.encode())

    def prompt(self, system: str, user: str) -> int:
        """Return the exact number of prompt tokens of a request."""
        raise NotImplementedError


class FolderTokenCounts(_Bounded):
    """Counts with the tokenizer and the chat template in a model's folder; safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._tokenizer = _load_tokenizer(folder)
        self._template = _load_template(folder)
        self.text = lru_cache(maxsize=_REMEMBERED)(self._count)

    def prompt(self, system: str, user: str) -> int:
        """Return the exact number of prompt tokens of a request."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self._count(self._template.render(messages=messages, add_generation_prompt=True))

    def _count(self, text: str) -> int:
        # The batch call leaves out the offsets, which take longer than the tokens.
        (encoded,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return len(encoded)


class RemoteTokenCounts(_Bounded):
    """Counts by asking the engine's `/tokenize`, which renders the chat template."""

    def __init__(self, connection: EngineConnection, client: httpx.Client) -> None:
        super().__init__()
        self._url = f"{connection.base_url}/tokenize"
        self._model = connection.model
        self._client = client
        self.text = lru_cache(maxsize=_REMEMBERED)(self._count_text)

    def prompt(self, system: str, user: str) -> int:
        """Return the exact number of prompt tokens of a request."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self._ask({"messages": messages, "add_generation_prompt": True})

    def _count_text(self, text: str) -> int:
        return self._ask({"prompt": text, "add_special_tokens": False})

    def _ask(self, body: dict[str, Any]) -> int:
        try:
            response = self._client.post(self._url, json={"model": self._model, **body})
            response.raise_for_status()
            return _Counted.model_validate_json(response.content).count
        except (httpx.HTTPError, ValidationError) as error:
            raise EngineUnreachable(
                f"{self._url} did not count a prompt's tokens ({type(error).__name__}). Does the engine still answer?"
            ) from error


class _Counted(BaseModel):
    count: int


@contextmanager
def open_token_counts(connection: EngineConnection) -> Iterator[FolderTokenCounts | RemoteTokenCounts | None]:
    """Yield what counts the tokens of an engine's model; None when neither its files nor `/tokenize` are there."""
    folder = connection.model_folder
    if folder is not None and (folder / "tokenizer.json").is_file() and (folder / "chat_template.jinja").is_file():
        yield FolderTokenCounts(folder)
        return
    with httpx.Client(headers=connection.headers, timeout=_TIMEOUT_S, trust_env=connection.uses_proxies) as client:
        counts = RemoteTokenCounts(connection, client)
        try:
            counts.prompt_at_most("", "")
        except EngineUnreachable:
            yield None
        else:
            yield counts


def _load_tokenizer(folder: Path) -> "Tokenizer":
    from tokenizers import Tokenizer  # noqa: PLC0415 - a tenth of a second that only a run needs

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _load_template(folder: Path) -> "Template":
    """Compile the model's chat template as transformers does: sandboxed, blocks trimmed."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=False, extensions=["jinja2.ext.loopcontrols"]
    )
    return environment.from_string((folder / "chat_template.jinja").read_text(encoding="utf-8"))
