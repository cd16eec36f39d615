"""Reordering what a search found: by the model's judgement, or by maximal marginal relevance where it gives none."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from docmind_core.agents.context import RETRIEVER, AgentContext
from docmind_core.agents.context_state import PASSAGES, ContextState, laid_out
from docmind_core.agents.decisions import RerankRecord
from docmind_core.agents.outputs import DECISION_MAX_TOKENS
from docmind_core.agents.passages import numbered
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.errors import ContextOverflow, EngineError, EngineUnreachable
from docmind_core.retrieval.diversity import mmr_order, scaled, word_similarities
from docmind_core.retrieval.search import Hit
from docmind_core.serving.chat import ChatReply, ChatRequest

RERANKED_MAX = 20
"""Candidates that are reordered; what a suite's `top_k` asks for beyond them follows in the search's order."""
WORDS_SHOWN = 60
"""Words of each passage that the model sees: 20 of them then take about 2,000 tokens."""


async def reranked(
    question: str, candidates: Sequence[Hit], context: AgentContext, *, task: str = "rerank"
) -> tuple[Hit, ...]:
    """Return the candidates in a new order, with 1 / rank as their score: neither order comes with scores of its own.

    Raises:
        EngineUnreachable: If the engine is gone; any other failure of the call leads to the order without the model.
    """
    pool, rest = candidates[:RERANKED_MAX], candidates[RERANKED_MAX:]
    if len(pool) < 2:
        return tuple(candidates)
    chosen, because = await _ask_model(question, pool, context, task)
    similarity = None
    if because is None:
        order = (*chosen, *(position for position in range(len(pool)) if position not in chosen))
    else:
        order, similarity = await _diverse_order(pool, context)
    final_k = context.depth.final_k
    context.tools.record_rerank(
        RerankRecord(
            candidates=len(pool),
            ordered_by="mmr" if because else "model",
            similarity=similarity,
            mmr_because=because,
            kept=sum(position < final_k for position in order[:final_k]),
        )
    )
    ordered = [*(pool[position] for position in order), *rest]
    return tuple(replace(hit, score=1.0 / rank) for rank, hit in enumerate(ordered, start=1))


def rerank_request(question: str, pool: Sequence[Hit], context: AgentContext) -> ChatRequest:
    """Lay out the call: the beginnings of the passages, the question, and a reply of passage numbers."""
    wanted = min(context.depth.final_k, len(pool))
    state = ContextState(
        query=question,
        passages=numbered([_beginning(hit) for hit in pool]),
        layout=(PASSAGES, f"Question: {question}"),
        tail=f"Task: name the best passages by their numbers, at most {wanted}.",
    )
    return laid_out(
        state,
        system=read_prompt("rerank"),
        max_tokens=DECISION_MAX_TOKENS,
        output=ranking_form(len(pool), wanted),
        seed=context.seed,
    )


@cache  # with a class for each query, its schema would be made and kept for each, too
def ranking_form(count: int, wanted: int) -> type[BaseModel]:
    """Return the form of the model's order: at most `wanted` numbers from 1 to `count`."""
    number: Any = Literal[tuple(range(1, count + 1))]
    return create_model(
        "Ranking",
        __config__=ConfigDict(extra="forbid"),
        best=(list[number], Field(min_length=1, max_length=wanted)),
    )


async def _ask_model(
    question: str, pool: Sequence[Hit], context: AgentContext, task: str
) -> tuple[tuple[int, ...], str | None]:
    """Return the chosen positions, or none and why: `call_failed`, `invalid_output` or `repeats`."""
    request = rerank_request(question, pool, context)
    try:
        reply = await context.tools.ask(RETRIEVER, task, request, role="rerank")
    except EngineUnreachable:
        raise
    except (EngineError, ContextOverflow):
        return (), "call_failed"
    return _read(reply)


def _read(reply: ChatReply) -> tuple[tuple[int, ...], str | None]:
    if reply.output is None:
        return (), "invalid_output"
    numbers = reply.output.model_dump()["best"]
    # A model that names a passage twice has counted, not read.
    if len(set(numbers)) < len(numbers):
        return (), "repeats"
    return tuple(number - 1 for number in numbers), None


async def _diverse_order(pool: Sequence[Hit], context: AgentContext) -> tuple[tuple[int, ...], str]:
    relevance = scaled([hit.score for hit in pool])
    cosines = await context.tools.cosines(pool)
    if cosines is not None:
        return mmr_order(relevance, cosines), "embeddings"
    return mmr_order(relevance, word_similarities([hit.chunk.text for hit in pool])), "words"


def _beginning(hit: Hit) -> Hit:
    words = hit.chunk.text.split()
    if len(words) <= WORDS_SHOWN:
        return hit
    return replace(hit, chunk=replace(hit.chunk, text=" ".join([*words[:WORDS_SHOWN], "..."])))
