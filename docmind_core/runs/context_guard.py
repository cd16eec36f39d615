"""The context window at the one place where requests go out: what overflows is shortened or refused, with a row."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from docmind_core.agents.context_window import ContextWindow, Reduction
from docmind_core.runs.journal import QueryKey, Row
from docmind_core.serving.chat import ChatRequest

RecallOf = Callable[[str, Mapping[str, str]], float | None]
"""Evidence recall of a query's passages, by query id; None where the query has no gold spans."""

_ANSWER_TASKS = ("answer", "rewrite", "fallback_answer")
"""How the tasks are called that may write the final answer; the last one asked for wrote it."""


def no_gold(_query_id: str, _passages: Mapping[str, str]) -> None:
    """Return the recall of a run whose gold spans nobody gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    agent: str
    task: str
    step: int
    refused: bool
    reduction: Reduction


@dataclass(slots=True, kw_only=True)
class ContextGuard:
    """Fits the requests of one query, and remembers what that took."""

    window: ContextWindow | None
    """None when nobody can count the model's tokens; then the engine alone refuses what is too long."""
    _steps: list[_Step] = field(default_factory=list)
    _left_out: dict[str, frozenset[str]] = field(default_factory=dict)
    _asked: list[str] = field(default_factory=list)

    async def fit(self, agent: str, task: str, request: ChatRequest) -> ChatRequest:
        """Return the request as it may be sent.

        Raises:
            ContextOverflow: If it can't be made to fit.
        """
        self._asked.append(task)
        if self.window is None or self.window.surely_fits(request):
            return request
        # In a thread: counting 128K tokens takes a second in which other queries' streams must be read.
        fitted = await asyncio.to_thread(self.window.fit, request)
        last = len(fitted.reductions)
        for number, reduction in enumerate(fitted.reductions, start=1):
            refused = fitted.overflow is not None and number == last
            self._steps.append(_Step(agent=agent, task=task, step=number, refused=refused, reduction=reduction))
        if fitted.reductions:
            kept = fitted.reductions[-1].passages_after.keys()
            self._left_out[task] = frozenset(fitted.reductions[0].passages_before.keys() - kept)
        return fitted.sendable()

    @property
    def unread(self) -> frozenset[str]:
        """Ids of the chunks that were meant for the final answer and didn't reach it."""
        answering = [task for task in self._asked if task.startswith(_ANSWER_TASKS)]
        return self._left_out.get(answering[-1], frozenset()) if answering else frozenset()

    def rows(self, key: QueryKey, recall_of: RecallOf) -> list[Row]:
        """Return the rows of `context_reductions`."""
        return [_row(step, key, recall_of) for step in self._steps]


def _row(step: _Step, key: QueryKey, recall_of: RecallOf) -> Row:
    reduction = step.reduction
    before = recall_of(key.query_id, reduction.passages_before)
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
        "passages_before": len(reduction.passages_before),
        "passages_after": len(reduction.passages_after),
        "evidence_recall_before": before,
        "evidence_recall_after": None if before is None else recall_of(key.query_id, reduction.passages_after),
        "evidence_missing_because": "no_gold" if before is None else None,
        "outcome": "fits" if reduction.fits else "refused" if step.refused else "over",
    }
