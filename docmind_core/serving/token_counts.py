"""How many tokens a prompt has for the model that an engine serves: exactly, before it is sent."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineError, RequestRejected
from docmind_core.serving.body_limit import body_limit
from docmind_core.serving.chat import Example, chat_messages
from docmind_core.serving.chat_template import ChatTemplate, has_chat_template
from docmind_core.serving.connection import EngineConnection, http_options, unreachable
from docmind_core.serving.retrying import Retryable, RetryPolicy, is_transient, retry_after_s

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_TIMEOUT_S = 30.0
_REMEMBERED = 8192
"""Pieces whose count is remembered: strategies ask for the same ones again, and each costs a request of a server."""
_PROMPTS_REMEMBERED = 32
"""They may be long."""


class _Bounded(ABC):
    """A bound on a prompt's tokens: a token is at least one byte, and the template costs a fixed number.

    It holds for every tokenizer that doesn't lengthen the text first, as byte-level BPE never does.
    """

    def __init__(self) -> None:
        self._template_tokens: int | None = None

    def prompt_at_most(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return the bytes of all texts, and the tokens of the chat template for each pair of messages."""
        if self._template_tokens is None:
            # Not with empty texts: some templates put their own system prompt in place of an empty one.
            self._template_tokens = self.prompt("a", "a")
        texts = [system, user, *(text for each in examples for text in (each.user, each.assistant))]
        return self._template_tokens * (1 + len(examples)) + sum(len(text.encode()) for text in texts)

    @abstractmethod
    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return the exact number of prompt tokens of a request."""


class FolderTokenCounts(_Bounded):
    """Counts with the tokenizer and the chat template in a model's folder; safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._tokenizer = _load_tokenizer(folder)
        self._template = ChatTemplate(folder)
        self.text = lru_cache(maxsize=_REMEMBERED)(self._count)

    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return the exact number of prompt tokens of a request.

        Raises:
            EngineError: If the model's chat template takes no system message.
        """
        return len(self._encoded(self._template.render(chat_messages(system, user, examples))))

    def prompt_ids(self, system: str, user: str, examples: Sequence[Example] = ()) -> Sequence[int]:
        """Return the tokens of a prompt, chat template included."""
        return self._encoded(self._template.render(chat_messages(system, user, examples))).ids

    def _count(self, text: str) -> int:
        return len(self._encoded(text))

    def _encoded(self, text: str) -> "Encoding":
        # The batch call leaves out the offsets, which take longer than the tokens.
        (encoded,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return encoded


class RemoteTokenCounts(_Bounded):
    """Counts by asking the engine's `/tokenize`, which renders the chat template; lost connections are tried again.

    Not for the event loop: it waits.
    """

    def __init__(
        self,
        connection: EngineConnection,
        client: httpx.Client,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._model = connection.model
        self._client = client
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self.text = lru_cache(maxsize=_REMEMBERED)(self._count_text)
        self._prompt = lru_cache(maxsize=_PROMPTS_REMEMBERED)(self._count_prompt)

    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return the exact number of prompt tokens of a request, as the engine counts it."""
        return self._prompt(system, user, tuple(examples))

    def _count_prompt(self, system: str, user: str, examples: tuple[Example, ...]) -> int:
        return self._ask({"messages": chat_messages(system, user, examples), "add_generation_prompt": True})

    def _count_text(self, text: str) -> int:
        return self._ask({"prompt": text, "add_special_tokens": False})

    def _ask(self, body: dict[str, Any]) -> int:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._post({"model": self._model, **body})
            except Retryable as failure:
                if self._retry.gives_up(attempt, failure.asked_for_s):
                    raise unreachable(self._connection, f"{failure.what} when calling /tokenize") from failure
                wait_s = self._retry.wait_s(attempt, failure.asked_for_s)
            self._sleep(wait_s)

    def _post(self, body: dict[str, Any]) -> int:
        try:
            route = self._connection.dialect.tokenize_route
            response = self._client.post(f"{self._connection.base_url}{route}", json=body)
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout) as error:
            raise Retryable(f"can't be reached ({str(error) or type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise unreachable(self._connection, f"did not count a prompt's tokens ({type(error).__name__})") from error
        if is_transient(response.status_code):
            asked_for_s = retry_after_s(response.headers)
            raise Retryable(f"answered with HTTP {response.status_code}", asked_for_s=asked_for_s)
        try:
            response.raise_for_status()
            return _Counted.model_validate_json(response.content).count
        except (httpx.HTTPError, ValidationError) as error:
            raise RequestRejected(
                f"{self._connection.base_url}/tokenize did not count a prompt's tokens "
                f"(HTTP {response.status_code}, {type(error).__name__})."
            ) from error


class _Counted(BaseModel):
    count: int


@contextmanager
def open_token_counts(connection: EngineConnection) -> Iterator[FolderTokenCounts | RemoteTokenCounts | None]:
    """Yield what counts the tokens of an engine's model; None when neither its files nor `/tokenize` are there.

    Raises:
        EngineError: If the model's chat template can't be read, or refuses all of our prompts.
    """
    folder = connection.model_folder
    if folder is not None and (folder / "tokenizer.json").is_file() and has_chat_template(folder):
        found = FolderTokenCounts(folder)
        found.prompt_at_most("", "")  # a template that takes no system message is named before anything is run
        yield found
        return
    if connection.dialect.tokenize_route is None:
        yield None
        return
    with httpx.Client(
        headers=connection.headers, timeout=_TIMEOUT_S, **http_options(connection.base_url), event_hooks=body_limit()
    ) as client:
        counts = RemoteTokenCounts(connection, client)
        try:
            counts.prompt_at_most("", "")
        except EngineError:
            yield None
        else:
            yield counts


def _load_tokenizer(folder: Path) -> "Tokenizer":
    from tokenizers import Tokenizer  # noqa: PLC0415 - a tenth of a second that only a run needs

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # Some models' files carry the lengths of their training.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
