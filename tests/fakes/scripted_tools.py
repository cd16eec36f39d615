"""A scripted stand-in for the tools of an arm: replies made up, every call and search recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from docmind_core.agents.context import AgentContext
from docmind_core.agents.decisions import Failure, RerankRecord, RouteRecord, VoteRecord
from docmind_core.agents.levels import PerformanceLevel, RetrievalDepth, retrieval_depth
from docmind_core.agents.levers import Lever
from docmind_core.retrieval.search import KEYWORD, Chunk, Hit
from docmind_core.serving.chat import ChatReply, ChatRequest, read_reply
from tests.fakes.engine_server import plain_reply


def make_hit(number: int, *, text: str = "", doc_id: str | None = None) -> Hit:
    chunk = Chunk(
        chunk_id=f"{doc_id or f'doc{number}'}#0",
        doc_id=doc_id or f"doc{number}",
        title=f"Title {number}",
        text=text or f"Passage {number} says something.",
        position=0,
    )
    return Hit(chunk=chunk, score=1.0 / number)


def all_five(*without: str) -> str:
    """Name `tuned` with its validator at work and every passage read, and `without` other levers."""
    changed = sorted({"passage_choice", "no_validation", *without}, key=[*Lever].index)
    return "".join(["tuned", *(f"-{lever}" for lever in changed)])


@dataclass(slots=True, kw_only=True)
class ScriptedTools:
    """Implements `QueryTools`; `reply` gets the agent, the task and the request."""

    reply: Callable[[str, str, ChatRequest], str] | None = None
    hits: int = 20
    texts: dict[int, str] = field(default_factory=dict)
    """Texts of passages, by their number, instead of one that says nothing twice."""
    vectors: bool = False
    """Whether there are embeddings; each passage is then near to itself alone."""
    failing: dict[str, Exception] = field(default_factory=dict)
    """Agents whose calls raise."""
    failing_searches: dict[str, Exception] = field(default_factory=dict)
    """Searches that raise, by their query."""
    calls: list[tuple[str, str, ChatRequest]] = field(default_factory=list)
    searches: list[tuple[str, str, RetrievalDepth]] = field(default_factory=list)
    together: list[tuple[str, ...]] = field(default_factory=list)
    """What each search was made together with."""
    sequence: list[str] = field(default_factory=list)
    deadlines: list[tuple[str, float | None]] = field(default_factory=list)
    routes: list[RouteRecord] = field(default_factory=list)
    reranks: list[RerankRecord] = field(default_factory=list)
    votes: list[VoteRecord] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    roles: dict[str, str | None] = field(default_factory=dict)

    @property
    def callers(self) -> list[str]:
        return [agent for agent, _, _ in self.calls]

    async def ask(
        self,
        agent: str,
        task: str,
        request: ChatRequest,
        *,
        deadline_s: float | None = None,
        role: str | None = None,
    ) -> ChatReply:
        self.roles[task] = role
        self.deadlines.append((task, deadline_s))
        self.calls.append((agent, task, request))
        if agent in self.failing:
            raise self.failing[agent]
        text = self.reply(agent, task, request) if self.reply else plain_reply(request.body("m"))
        return read_reply(request, text, "stop", None)

    async def search(
        self, strategy: str, query: str, depth: RetrievalDepth, *, together: Sequence[str] = ()
    ) -> tuple[Hit, ...]:
        self.searches.append((strategy, query, depth))
        self.together.append(tuple(together))
        if query in self.failing_searches:
            raise self.failing_searches[query]
        numbers = range(1, min(self.hits, depth.candidates_k) + 1)
        return tuple(make_hit(number, text=self.texts.get(number, "")) for number in numbers)

    async def search_many(self, strategy, queries, depth):
        return tuple([await self.search(strategy, query, depth, together=queries) for query in queries])

    async def remembered(self, cache, query, work, *, worth_keeping=None, **parameters):
        return await work()

    def record_route(self, record: RouteRecord, *, began_s: float) -> None:
        self.routes.append(record)

    def record_failure(self, failure: Failure) -> None:
        self.failures.append(failure)

    def record_skipped(self, agents) -> None:
        self.skipped.extend(agent for agent in agents if agent not in self.sequence)

    def record_vote(self, record: VoteRecord) -> None:
        self.votes.append(record)

    def record_rerank(self, record: RerankRecord) -> None:
        self.reranks.append(record)

    async def cosines(self, hits):
        return [[float(one == other) for other in hits] for one in hits] if self.vectors else None

    def now_s(self) -> float:
        return 0.0

    @contextmanager
    def agent_span(self, agent: str, *, node: str, checkpoint_ns: str) -> Iterator[None]:
        self.sequence.append(agent)
        yield


def make_context(tools: ScriptedTools, **changes) -> AgentContext:
    level = PerformanceLevel(changes.pop("level", "balanced"))
    values = {
        "tools": tools,
        "depth": retrieval_depth(level, changes.pop("top_k", None)),
        "strategy": KEYWORD,
        "strategies": (KEYWORD,),
        "level": level,
        "routing": "fixed",
        "answer_max_tokens": 64,
        "budget_tokens": 0,
    }
    return AgentContext(**{**values, **changes})
