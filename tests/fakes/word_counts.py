"""A stand-in for a tokenizer: a word is a token, the template costs four."""

from dataclasses import dataclass, field

TEMPLATE_TOKENS = 4


@dataclass(slots=True)
class WordCounts:
    """Implements `agents.context_window.CountsTokens`."""

    prompts: list[str] = field(default_factory=list)

    def prompt(self, system: str, user: str) -> int:
        self.prompts.append(user)
        return TEMPLATE_TOKENS + len(system.split()) + len(user.split())

    def text(self, text: str) -> int:
        return len(text.split())

    def prompt_at_most(self, system: str, user: str) -> int:
        return TEMPLATE_TOKENS + len(system) + len(user)
