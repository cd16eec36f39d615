"""An arm that is a user's system: started for a share of the queries, asked, and stopped."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from docmind_core.agents.answering import read_answer
from docmind_core.agents.context import AgentContext, ArmAnswer
from docmind_core.retrieval.index import RetrievalIndex
from docmind_core.retrieval.search import Chunk, Hit, candidate_ranking
from docmind_core.runs.query_tools import RecordingTools
from docmind_core.runs.system_calls import SystemDesk
from docmind_core.serving.recording_proxy import Address, CallDesk, RecordingProxy
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemUnderTest
from docmind_core.systems.command import CommandSystem
from docmind_core.systems.in_process import InProcessSystem
from docmind_core.systems.url import UrlSystem

SETTLE_S = 30.0
"""How long to wait for calls in flight once every query is answered: the cost of a call cut off is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPlace:
    """What a system's process is given of this installation."""

    log: Path
    """Where its standard output and error go."""
    key_name: str | None
    """Environment variable with the engine's key, which it must not see."""


def system_place(settings: Settings, suite: Suite, name: str) -> SystemPlace:
    """Return what a system's process is given in a home; `name` is that of its log."""
    return SystemPlace(log=settings.logs / "systems" / f"{name}.log", key_name=suite.api_key_env)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemGraph:
    """A system in the place of a compiled graph: `agents.arms.answer_question` invokes it."""

    system: SystemUnderTest
    desk: SystemDesk
    proxy: RecordingProxy
    run_token: str
    model: str
    index: RetrievalIndex

    async def ainvoke(self, question: str, _config: object, *, context: AgentContext) -> dict[str, ArmAnswer]:
        """Ask the system one question; its calls are booked while it works, and after that as late.

        Raises:
            EngineUnreachable: If the engine is gone.
            RunError: If a call could not be booked.
        """
        tools = context.tools
        assert isinstance(tools, RecordingTools)
        token, called = self.desk.open_question(tools, context)
        asked = Question(
            query_id=tools.trace.key.query_id,
            text=question,
            history=[{"role": said.speaker, "content": said.text} for said in context.earlier],
            address=self.proxy.address(self.run_token, token),
            model=self.model,
        )
        try:
            answer = await self.system.ask(asked)
        finally:
            tools.late.adopt(called.in_flight)
            called.end()
            if called.failed is not None:
                raise called.failed
            if called.lost is not None and (gone := await called.engine.gone(called.lost)) is not None:
                raise gone
        index = self.index.of_query(tools.trace.key.query_id)
        read = hits_of(answer.sources or (), index.chunks, index.prefix)
        searched = candidate_ranking([search.hits for search in tools.searches]) if tools.searches else ()
        return {"result": read_answer(answer.text, read, first_chunks(read) or searched)}


def hits_of(sources: Sequence[str], chunks: Mapping[str, Chunk], prefix: str = "") -> tuple[Hit, ...]:
    """Return the passages that a system says it read, in its order.

    A document represents all its passages. One that is not in the query set keeps its rank. A system may leave the
    `prefix` out, which ids have where several query sets are asked.
    """
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks.values():
        by_document.setdefault(chunk.doc_id, []).append(chunk)
    found: list[Chunk] = []
    for given in dict.fromkeys(sources):
        source = given if given in chunks or given in by_document else f"{prefix}{given}"
        known = [chunks[source]] if source in chunks else by_document.get(source)
        found += known or [Chunk(chunk_id=f"{source}#0", doc_id=source, title="", text="", position=0)]
    return tuple(Hit(chunk=chunk, score=1.0 / rank) for rank, chunk in enumerate(found, start=1))


def first_chunks(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the first passage of each document: the ranking of documents that a system read."""
    return tuple({hit.chunk.doc_id: hit for hit in reversed(hits)}.values())[::-1]


@asynccontextmanager
async def system_at_work(
    desk: SystemDesk,
    proxy: RecordingProxy,
    index: RetrievalIndex,
    *,
    place: SystemPlace,
) -> AsyncIterator[SystemGraph]:
    """Start a system and accept its calls; at the end stop it, then cut off and record calls still in flight."""
    async with started_system(desk.spec, desk.engine.model, desk, proxy, place=place) as (system, run_token):
        yield SystemGraph(
            system=system,
            desk=desk,
            proxy=proxy,
            run_token=run_token,
            model=desk.engine.model,
            index=index,
        )


def _made(spec: SystemSpec, address: Address, model: str, place: SystemPlace) -> SystemUnderTest:
    if spec.url is not None:
        return UrlSystem(spec)
    if spec.command is not None:
        return CommandSystem(spec, log=place.log, key_name=place.key_name)
    return InProcessSystem(spec, address, model, log=place.log, key_name=place.key_name)


@asynccontextmanager
async def started_system(
    spec: SystemSpec, model: str, desk: CallDesk, proxy: RecordingProxy, *, place: SystemPlace
) -> AsyncIterator[tuple[SystemUnderTest, str]]:
    """Start a system whose calls come in at `desk`; yield it with its run token, and end it."""
    run_token = proxy.open(desk)
    system = _made(spec, proxy.address(run_token), model, place)
    try:
        await system.start()
        yield system, run_token
        proxy.close(run_token)
        await desk.quiet(SETTLE_S)
    finally:
        proxy.close(run_token)
        await system.close()
        await desk.quiet(0.0)
