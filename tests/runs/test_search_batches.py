"""Searches made together: one batch for the encoder, and recorded as the searches they are."""

import asyncio
import json
import threading

import pytest

from docmind_core.agents.context import RETRIEVER
from docmind_core.agents.levels import RetrievalDepth
from docmind_core.errors import RetrievalError
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC
from docmind_core.runs.context_guard import ContextGuard
from docmind_core.runs.journal import QueryKey
from docmind_core.runs.query_tools import RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from tests.fakes.scripted_tools import make_hit

KEY = QueryKey(run_id="r", query_id="q", replicate=0)
DEPTH = RetrievalDepth(candidates_k=3, final_k=2)
QUERIES = ("size of a frobnicator", "size of a widget", "colour of both")


class Index:
    """Counts what goes to the encoder; a query's hits begin at its length, so that they can be told apart."""

    def __init__(self, *, error: Exception | None = None, released: bool = True) -> None:
        self.batches: list[tuple[str, ...]] = []
        self.singles: list[str] = []
        self.error = error
        self.release = threading.Event()
        if released:
            self.release.set()

    def search(self, strategy, query, k, *, documents=0):
        self.singles.append(query)
        return self.hits(query, k)

    def search_many(self, strategy, queries, k, *, documents=0):
        self.batches.append(tuple(queries))
        assert self.release.wait(120)
        if self.error:
            raise self.error
        return tuple(self.hits(query, k) for query in queries)

    def hits(self, query, k):
        return tuple(make_hit(len(query) + rank) for rank in range(k))


def make_tools(index):
    return RecordingTools(
        engine=None,
        index=index,
        journal=None,
        clock=None,
        trace=QueryTrace(key=KEY, level="balanced"),
        guard=ContextGuard(window=None),
        recorded={},
    )


async def branch(tools, strategy, query):
    """One branch of a fan-out: a task of its own."""
    with tools.agent_span(RETRIEVER, node=RETRIEVER, checkpoint_ns=query):
        return await tools.search(strategy, query, DEPTH, together=QUERIES)


@pytest.mark.parametrize("strategy", [SEMANTIC, HYBRID])
async def test_branches_of_a_fan_out_are_embedded_in_one_batch_s58(strategy):
    """S58, S11: batch processing is a word in a docstring of the guide."""
    index = Index()
    tools = make_tools(index)
    found = await asyncio.gather(*(branch(tools, strategy, query) for query in QUERIES))

    assert (index.batches, index.singles) == ([QUERIES], [])
    assert list(found) == [index.hits(query, 3) for query in QUERIES]


async def test_searches_made_together_are_recorded_as_separate_ones_s58():
    """S58."""
    together, apart = make_tools(Index()), make_tools(Index())
    await together.search_many(SEMANTIC, QUERIES, DEPTH)
    for query in QUERIES:
        await apart.search(SEMANTIC, query, DEPTH)

    assert together.trace.retrieved == apart.trace.retrieved
    spans = [
        [(span["op"], span["name"], span["status"], json.loads(span["attributes"])) for span in tools.trace.spans]
        for tools in (together, apart)
    ]
    assert spans[0] == spans[1]
    assert together.index.batches == [QUERIES]
    assert apart.index.singles == list(QUERIES)


async def test_keyword_search_has_nothing_to_embed():
    tools = make_tools(Index())
    await tools.search_many(KEYWORD, QUERIES, DEPTH)

    assert (tools.index.batches, tools.index.singles) == ([], list(QUERIES))


async def test_a_repeated_search_is_made_again():
    """Else its time would be that of a memory which no arm has."""
    tools = make_tools(Index())
    for _ in range(2):
        await tools.search_many(SEMANTIC, QUERIES, DEPTH)

    assert tools.index.batches == [QUERIES, QUERIES]


async def test_a_batch_that_fails_is_every_branch_s_failure():
    tools = make_tools(Index(error=RetrievalError("planted")))
    found = await asyncio.gather(*(branch(tools, SEMANTIC, query) for query in QUERIES), return_exceptions=True)

    assert [str(error) for error in found] == ["planted"] * 3
    assert [span["status"] for span in tools.trace.spans if span["op"] == "retrieval"] == ["error"] * 3


async def test_a_branch_that_gives_up_leaves_the_others_their_hits():
    index = Index(released=False)
    tools = make_tools(index)
    first, *others = (asyncio.ensure_future(branch(tools, SEMANTIC, query)) for query in QUERIES)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    index.release.set()

    assert [await other for other in others] == [index.hits(query, 3) for query in QUERIES[1:]]
    assert index.batches == [QUERIES]
