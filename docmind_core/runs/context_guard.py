"""Enforces the context window where requests are sent: prompts that overflow are shortened or refused, and recorded."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from docmind_core.agents.context_window import ContextWindow, Reduction
from docmind_core.runs.journal import QueryKey, Row
from docmind_core.serving.chat import ChatRequest

RecallOf = Callable[[str, Mapping[str, str]], float | None]
"""Evidence recall of a query's passages, by query id; None where the query has no gold spans."""

ANSWER_TASKS = ("answer", "rewrite", "fallback_answer")
"""How the tasks are called that may write the final answer; the last one asked for wrote it."""


def no_gold(_query_id: str, _passages: Mapping[str, str]) -> None:
    """Return the recall of a run without gold spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """How the context window shortened the passages of a prompt."""

    unread: frozenset[str] = frozenset()
    """Ids of the chunks that are missing, and not covered by a near-duplicate."""
    read_as: Mapping[str, str] = field(default_factory=dict)
    """Text by chunk id of those that are in it in other words than their own: cut, or said by a near-duplicate."""


NOT_SHORTENED = Shortened()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    agent: str
    task: str
    step: int
    refused: bool
    reduction: Reduction


@dataclass(slots=True, kw_only=True)
class ContextGuard:
    """Makes the requests of one query fit, and records how."""

    window: ContextWindow | None
    """None when the model's tokens can't be counted; then the engine alone refuses what is too long."""
    _steps: list[_Step] = field(default_factory=list)
    _shortened: dict[str, Shortened] = field(default_factory=dict)
    _asked: list[str] = field(default_factory=list)

    async def fit(self, agent: str, task: str, request: ChatRequest) -> tuple[ChatRequest, int | None]:
        """Return the request as it may be sent, and its prompt's tokens where it took a count to know that.

        Raises:
            ContextOverflow: If it can't be made to fit.
        """
        self._asked.append(task)
        if self.window is None or self.window.surely_fits(request):
            return request, None
        # In a thread: counting 128K tokens takes a second in which other queries' streams must be read.
        fitted = await asyncio.to_thread(self.window.fit, request)
        last = len(fitted.reductions)
        for number, reduction in enumerate(fitted.reductions, start=1):
            refused = fitted.overflow is not None and number == last
            self._steps.append(_Step(agent=agent, task=task, step=number, refused=refused, reduction=reduction))
        if fitted.reductions:
            self._shortened[task] = _shortened(fitted.reductions[0], fitted.reductions[-1])
        return fitted.sendable(), fitted.tokens

    @property
    def shortened(self) -> Shortened:
        """What of the passages meant for the final answer didn't reach it as it was found."""
        answering = [task for task in self._asked if task.startswith(ANSWER_TASKS)]
        return self._shortened.get(answering[-1], NOT_SHORTENED) if answering else NOT_SHORTENED

    def rows(self, key: QueryKey, recall_of: RecallOf) -> list[Row]:
        """Return the rows of `context_reductions`."""
        return [_row(step, key, recall_of) for step in self._steps]


def _shortened(first: Reduction, last: Reduction) -> Shortened:
    meant, shown = first.shown_before, last.shown_after
    return Shortened(
        unread=frozenset(meant.keys() - shown.keys()),
        read_as={chunk_id: text for chunk_id, text in shown.items() if text != meant[chunk_id]},
    )


def _row(step: _Step, key: QueryKey, recall_of: RecallOf) -> Row:
    reduction = step.reduction
    before = recall_of(key.query_id, reduction.shown_before)
    return {
        "run_id": key.run_id,
        "query_id": key.query_id,
        "replicate": key.replicate,
        "task": step.task,
        "step": step.step,
        "agent": step.agent,
        "strategy": reduction.strategy,
        "tokens_before": reduction.tokens_before,
        "tokens_after": reduction.tokens_after,
        "budget_tokens": reduction.budget_tokens,
        "duration_s": reduction.duration_s,
        "passages_before": reduction.passages_before,
        "passages_after": reduction.passages_after,
        "evidence_recall_before": before,
        "evidence_recall_after": None if before is None else recall_of(key.query_id, reduction.shown_after),
        "evidence_missing_because": "no_gold" if before is None else None,
        "outcome": "fits" if reduction.fits else "refused" if step.refused else "over",
    }
