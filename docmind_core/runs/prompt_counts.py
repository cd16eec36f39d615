"""Token counts of one query's prompts, by the served model's tokenizer; taken after its clock has stopped."""

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, cast

from docmind_core.agents.context import SUPERVISOR
from docmind_core.agents.context_window import CountsTokens
from docmind_core.agents.transcript import ROUTING_TASK, handoff_lines
from docmind_core.errors import EngineError
from docmind_core.runs.journal import Row
from docmind_core.serving.chat import ChatRequest, Example

HANDOFFS_UNKNOWN: Row = {"handoff_missing_because": "not_supported", "duplicated_missing_because": "not_supported"}
"""For a user's system: unknown which of its prompts are hand-offs."""
BLOCK_TOKENS = 16
"""Length of the runs of tokens that are compared between agents; as vLLM's blocks on a GPU."""


class ReadsTokens(Protocol):
    """A tokenizer in this process: asking it costs no request."""

    def prompt_ids(self, system: str, user: str, examples: Sequence[Example] = ()) -> Sequence[int]:
        """Return the tokens of a prompt, chat template included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    agent: str
    routes: bool
    request_hash: str
    request: ChatRequest
    counted: int | None


@dataclass(slots=True, kw_only=True)
class PromptCounts:
    """The prompts of one query."""

    counts: CountsTokens | None
    _sent: list[_Sent] = field(default_factory=list)
    _estimates: dict[str, int] = field(default_factory=dict)
    _reread_tokens: int | None = None
    _duplicated: tuple[int, int] | None = None
    """Tokens that another agent had been sent, of all tokens; None without a tokenizer in this process."""

    def add(self, agent: str, task: str, request_hash: str, request: ChatRequest, *, counted: int | None) -> None:
        """Note a prompt as it is sent; `counted` are its tokens where the context window had to count them."""
        routes = agent == SUPERVISOR and task.startswith(ROUTING_TASK)
        self._sent.append(
            _Sent(agent=agent, routes=routes, request_hash=request_hash, request=request, counted=counted)
        )

    def takes_long(self, cut_off: Set[str]) -> bool:
        """Return whether `measure` reads prompts with a tokenizer, or asks the engine."""
        if self.counts is None or _reader(self.counts):
            return self.counts is not None
        return bool(cut_off) or any(handoff_lines(each.request.user) for each in self._sent if not each.routes)

    def measure(self, cut_off: Set[str] = frozenset()) -> None:
        """Count; safe in a thread, since the query has ended.

        Args:
            cut_off: Hashes of the requests whose usage is unknown: their prompts are counted even where that costs a
                request, because they bound what the engine can have billed.
        """
        self._estimates = {each.request_hash: each.counted for each in self._sent if each.counted is not None}
        self._reread_tokens = self._count_reread()
        if reader := _reader(self.counts):
            sent = [(each, each.request) for each in self._sent]
            prompts = [(each, reader.prompt_ids(asked.system, asked.user, asked.examples)) for each, asked in sent]
            self._estimates |= {each.request_hash: len(ids) for each, ids in prompts}
            self._duplicated = duplicated_tokens([(each.agent, ids) for each, ids in prompts])
        elif self.counts is not None:
            for each in self._sent:
                if each.request_hash in cut_off - self._estimates.keys():
                    with suppress(EngineError):  # the bound is then the context window
                        asked = each.request
                        prompt_tokens = self.counts.prompt(asked.system, asked.user, asked.examples)
                        self._estimates[each.request_hash] = prompt_tokens

    def columns(self, calls: Sequence[Row]) -> Row:
        """Return the columns of `query_runs`; `calls` are all attempts of the query."""
        row: Row = {"handoff_missing_because": None, "duplicated_missing_because": None}
        routing = [call for call in calls if call["role"] == "supervisor" and call["task"].startswith(ROUTING_TASK)]
        unknown = [call["tokens_missing_because"] for call in routing if call["tokens_missing_because"]]
        if unknown or self._reread_tokens is None:
            row["handoff_missing_because"] = unknown[0] if unknown else "not_supported"
        else:
            row["handoff_tokens"] = self._reread_tokens + sum(call["billed_tokens"] for call in routing)
        if self._duplicated is None:
            row["duplicated_missing_because"] = "not_supported"
        elif self._duplicated[1] == 0:
            row["duplicated_missing_because"] = "zero_denominator"
        else:
            row["duplicated_token_ratio"] = self._duplicated[0] / self._duplicated[1]
        return row

    def rows(self) -> list[Row]:
        """Return the counts by request, for the calls of the query."""
        return [{"request_hash": key, "prompt_tokens_est": tokens} for key, tokens in self._estimates.items()]

    def _count_reread(self) -> int | None:
        """Count the hand-off messages in prompts that don't route; None when they can't be counted."""
        lines = [line for each in self._sent if not each.routes for line in handoff_lines(each.request.user)]
        if not lines:
            return 0
        if self.counts is None:
            return None
        try:
            return sum(self.counts.text(f"{line}\n\n") for line in lines)
        except EngineError:  # the query has ended: its other numbers are valid
            return None


def _reader(counts: CountsTokens | None) -> ReadsTokens | None:
    """Return what counts tokens where it is a tokenizer; `isinstance` with a protocol takes 5 microseconds."""
    return cast("ReadsTokens", counts) if hasattr(counts, "prompt_ids") else None


def duplicated_tokens(prompts: Sequence[tuple[str, Sequence[int]]]) -> tuple[int, int]:
    """Return how many tokens lie in runs of 16 that had been sent to another agent before, and how many there are.

    Args:
        prompts: Agent and tokens, in the order of sending.
    """
    sent_to: dict[tuple[int, ...], set[str]] = {}
    beginnings: set[tuple[int, int]] = set()
    duplicated = 0
    for agent, ids in prompts:
        covered_to = 0
        # Most runs begin as none before: two tokens tell that sooner than sixteen.
        known = [start for start, pair in enumerate(pairwise(ids)) if pair in beginnings]
        for start in known:
            end = start + BLOCK_TOKENS
            if sent_to.get(tuple(ids[start:end]), set()) - {agent}:
                duplicated += end - max(start, covered_to)
                covered_to = end
        for start in range(0, len(ids) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
            block = tuple(ids[start : start + BLOCK_TOKENS])
            sent_to.setdefault(block, set()).add(agent)
            beginnings.add((block[0], block[1]))
    return duplicated, sum(len(ids) for _, ids in prompts)


def with_estimates(calls: Sequence[Row], counts: Sequence[Row], window: int | None = None) -> list[Row]:
    """Add the count of its prompt to each call of a query, and what the engine can have billed for it.

    Args:
        calls: All attempts of a query, or some that belong to none that has finished.
        counts: Its prompt counts; none of a query that has not finished.
        window: The engine's context window, which bounds a prompt that was not counted.
    """
    found = {count["request_hash"]: count["prompt_tokens_est"] for count in counts}
    counted = ({**call, **_estimate(found.get(call["request_hash"]), call)} for call in calls)
    return [{**call, **billed_bounds(call, window)} for call in counted]


def _estimate(estimate: int | None, call: Row) -> Row:
    counted = call.get("prompt_tokens")
    return {
        "prompt_tokens_est": estimate,
        "est_error_ratio": estimate / counted - 1 if estimate is not None and counted else None,
    }


def billed_bounds(call: Row, window: int | None) -> Row:
    """Return the least and the most that the engine can have billed for an attempt.

    They are equal where its usage is complete. One that was cut off has used at least what was booked of it, and at
    most its prompt and `max_tokens`; the prompt of one that never reached the engine may have cost nothing.
    """
    booked, prompt = call.get("billed_tokens"), call.get("prompt_tokens") or call.get("prompt_tokens_est")
    if booked is not None and call["status"] != "cut_off":
        return {"billed_tokens_low": booked, "billed_tokens_high": booked}
    read = call["status"] == "finished" and booked is None
    low = prompt if read and prompt is not None else booked
    high = window if prompt is None or call["max_tokens"] is None else prompt + call["max_tokens"]
    return {"billed_tokens_low": low or 0, "billed_tokens_high": high}
