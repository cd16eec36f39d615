"""A stand-in for a tokenizer: a word is a token, the template costs four."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from docmind_core.retrieval.wordpiece import wordpiece_tokenizer
from docmind_core.serving.chat import Example

TEMPLATE_TOKENS = 4


def _text(examples: Sequence[Example]) -> str:
    return " ".join(f"{each.user} {each.assistant}" for each in examples)


@dataclass(slots=True)
class WordCounts:
    """Implements `agents.context_window.CountsTokens`."""

    prompts: list[str] = field(default_factory=list)

    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        self.prompts.append(user)
        return TEMPLATE_TOKENS + len(f"{system} {_text(examples)} {user}".split())

    def text(self, text: str) -> int:
        return len(text.split())

    def prompt_at_most(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        return TEMPLATE_TOKENS + len(system) + len(_text(examples)) + len(user)


class WordPieceCounts:
    """A real subword tokenizer, that of the encoder, behind a chat template of four tokens."""

    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        return TEMPLATE_TOKENS + self.text(f"{system}\n{_text(examples)}\n{user}")

    def text(self, text: str) -> int:
        (encoded,) = wordpiece_tokenizer().encode_batch_fast([text], add_special_tokens=False)
        return len(encoded)

    def prompt_at_most(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        return TEMPLATE_TOKENS + len(system.encode()) + len(_text(examples).encode()) + len(user.encode())
