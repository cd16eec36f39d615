"""Making a prompt fit the context window, or refusing it: nothing that overflows is sent."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from docmind_core.agents.context_state import ContextState, LaidOutRequest
from docmind_core.agents.context_strategies import STRATEGIES, Strategy, preserve_priorities
from docmind_core.errors import ContextOverflow
from docmind_core.serving.chat import ChatRequest, Example

BUFFER_RATIO = 0.06
"""Share of the window kept free, as in the guide; rounded up, 7,865 of 131,072 tokens."""
NONE = "none"
"""Strategy of a row about a prompt that has no parts to shorten."""
_SEAM_ROUNDS = 6


class CountsTokens(Protocol):
    """The served model's own tokenizer and chat template."""

    def prompt(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return the exact number of prompt tokens of a request."""
        ...

    def text(self, text: str) -> int:
        """Return the number of tokens of a piece of text by itself."""
        ...

    def prompt_at_most(self, system: str, user: str, examples: Sequence[Example] = ()) -> int:
        """Return a bound that the prompt's tokens can't pass, at no cost worth naming."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """One strategy applied once."""

    strategy: str
    tokens_before: int
    tokens_after: int
    budget_tokens: int
    duration_s: float
    passages_before: int
    passages_after: int
    shown_before: Mapping[str, str]
    """Text by chunk id; evidence recall is computed on it where the gold is known."""
    shown_after: Mapping[str, str]

    @property
    def fits(self) -> bool:
        """Whether the prompt fits after it."""
        return self.tokens_after <= self.budget_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What becomes of a request."""

    request: ChatRequest
    tokens: int
    """Of its prompt."""
    reductions: tuple[Reduction, ...] = ()
    """In the order applied; none when the prompt fitted as it was."""
    overflow: str | None = None
    """Why it must not be sent; then `request` is as far as it could be shortened."""

    def sendable(self) -> ChatRequest:
        """Return the request.

        Raises:
            ContextOverflow: If it doesn't fit.
        """
        if self.overflow is not None:
            raise ContextOverflow(self.overflow)
        return self.request


def prompt_budget(max_model_len: int, max_new_tokens: int, *, context_budget: int | None = None) -> int:
    """Return how many tokens a prompt may have: the window less the reserved output and a buffer of 6 %.

    Args:
        max_model_len: Context window of the engine, tokens.
        max_new_tokens: What the request reserves for its completion, tokens.
        context_budget: The budget mode's limit for one agent, tokens; the smaller of the two counts.
    """
    free = max_model_len - max_new_tokens - math.ceil(BUFFER_RATIO * max_model_len)
    return free if context_budget is None else min(free, context_budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWindow:
    """The window of one engine."""

    max_model_len: int
    counts: CountsTokens
    context_budget: int | None = None
    """Prompt tokens that one agent may use (2K, 4K, 8K); None for the whole window."""
    strategies: Sequence[tuple[str, Strategy]] = STRATEGIES
    clock: Callable[[], float] = monotonic

    def surely_fits(self, request: ChatRequest) -> bool:
        """Whether no count is needed to know that the request fits."""
        return self.counts.prompt_at_most(request.system, request.user, request.examples) <= self._budget(request)

    def fit(self, request: ChatRequest) -> Fitted:
        """Shorten a request until it fits, by the guide's strategies in the guide's order, and stop as soon as it does.

        The query and the task stay as they are, turns, tool results, numbers and ids of passages stay whole.
        """
        tokens, budget = self.counts.prompt(request.system, request.user, request.examples), self._budget(request)
        if tokens <= budget:
            return Fitted(request=request, tokens=tokens)
        if not isinstance(request, LaidOutRequest) or request.state is None:
            row = Reduction(
                strategy=NONE,
                tokens_before=tokens,
                tokens_after=tokens,
                budget_tokens=budget,
                duration_s=0.0,
                passages_before=0,
                passages_after=0,
                shown_before={},
                shown_after={},
            )
            return Fitted(request=request, tokens=tokens, reductions=(row,), overflow=self._refusal(tokens, request))
        return self._shorten(request, request.state, tokens)

    def _shorten(self, request: LaidOutRequest, state: ContextState, tokens: int) -> Fitted:
        budget, reductions = self._budget(request), []
        for name, strategy in self.strategies:
            began = self.clock()
            before, tokens_before = state, tokens
            state, tokens = self._apply(strategy, request, state, tokens)
            reductions.append(
                Reduction(
                    strategy=name,
                    tokens_before=tokens_before,
                    tokens_after=tokens,
                    budget_tokens=budget,
                    duration_s=self.clock() - began,
                    passages_before=len(before.all_passages),
                    passages_after=len(state.all_passages),
                    shown_before=before.shown,
                    shown_after=state.shown,
                )
            )
            if tokens <= budget:
                break
        fitted = request.with_state(state)
        overflow = self._refusal(tokens, request) if tokens > budget else None
        return Fitted(request=fitted, tokens=tokens, reductions=tuple(reductions), overflow=overflow)

    def _apply(
        self, strategy: Strategy, request: LaidOutRequest, state: ContextState, tokens: int
    ) -> tuple[ContextState, int]:
        """Apply a strategy; the last one again while single tokens at the seams of what was cut are too many."""
        budget = self._budget(request)
        for turn in range(_SEAM_ROUNDS if strategy is preserve_priorities else 1):
            shorter = strategy(state, tokens - budget + 8 * turn, self.counts.text)
            if shorter == state:
                break
            counted = self.counts.prompt(request.system, shorter.render(), request.examples)
            if counted >= tokens:  # a mark or a seam cost what the cut saved
                break
            state, tokens = shorter, counted
            if tokens <= budget:
                break
        return state, tokens

    def _budget(self, request: ChatRequest) -> int:
        return prompt_budget(self.max_model_len, request.max_tokens, context_budget=self.context_budget)

    def _refusal(self, tokens: int, request: ChatRequest) -> str:
        limit = "" if self.context_budget is None else f" and a context budget of {self.context_budget:,}"
        return (
            f"a prompt of {tokens:,} tokens doesn't fit the budget of {self._budget(request):,} (window "
            f"{self.max_model_len:,}, {request.max_tokens:,} reserved for the completion{limit}) and was not sent. "
            "Shorten the query, lower top_k or answer_max_tokens, or use an engine with a longer window."
        )
