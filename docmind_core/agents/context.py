"""What a graph is given for one query: its tools and its settings."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from docmind_core.agents.decisions import Failure, RerankRecord, RouteRecord, VoteRecord
from docmind_core.agents.levels import PerformanceLevel, RetrievalDepth
from docmind_core.agents.levers import Lever
from docmind_core.agents.passages import NumberedPassage
from docmind_core.retrieval.diversity import Similarities
from docmind_core.retrieval.search import Hit
from docmind_core.serving.chat import ChatReply, ChatRequest

ROUTER = "query_router"
PLANNER = "query_planner"
RETRIEVER = "retrieval_expert"
SYNTHESIZER = "result_synthesizer"
VALIDATOR = "response_validator"
AGENTS = (ROUTER, PLANNER, RETRIEVER, SYNTHESIZER, VALIDATOR)
SUPERVISOR = "supervisor"
SINGLE_PASS = "single_pass"  # noqa: S105 - the name of an arm
SINGLE_AGENT = "single_agent"
EXTRACTIVE = "extractive"
USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one speaker said: user and assistant to each other, or the agents among themselves."""

    speaker: str
    text: str
    passages: tuple[NumberedPassage, ...] = ()
    """What `text` renders, when it renders passages: it may then be shortened by whole passages."""


def always(_value: Any) -> bool:
    """Keep whatever comes back."""
    return True


class QueryTools(Protocol):
    """What agents can do. They never build a client, read a setting or touch a clock."""

    async def ask(
        self,
        agent: str,
        task: str,
        request: ChatRequest,
        *,
        deadline_s: float | None = None,
        role: str | None = None,
    ) -> ChatReply:
        """Call the model; `task` is unique within the query.

        The call is booked under `role`; by default a supervisor's under `supervisor`, any other under `agent`.

        Raises:
            CallTimeout: If there is no reply within `deadline_s`.
        """
        ...

    async def search(
        self, strategy: str, query: str, depth: RetrievalDepth, *, together: Sequence[str] = ()
    ) -> tuple[Hit, ...]:
        """Return up to `depth.candidates_k` hits, best first.

        Args:
            strategy: How to search.
            query: What for.
            depth: How deep.
            together: All queries, this one among them, that are searched for at the same time: they are embedded in
                one batch, by the first search of them, and otherwise each search is one of its own.
        """
        ...

    async def search_many(
        self, strategy: str, queries: Sequence[str], depth: RetrievalDepth
    ) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query at once; recorded as so many searches."""
        ...

    async def remembered(
        self,
        cache: str,
        query: str,
        work: Callable[[], Awaitable[Any]],
        *,
        worth_keeping: Callable[[Any], bool] = always,
        **parameters: Any,
    ) -> Any:
        """Return the JSON value that the same work gave before, where results are kept, else do the work."""
        ...

    def record_route(self, record: RouteRecord, *, began_s: float) -> None:
        """Record a router's choice, begun at `began_s` by `now_s`."""
        ...

    def record_failure(self, failure: Failure) -> None:
        """Record that an agent failed."""
        ...

    def record_skipped(self, agents: Sequence[str]) -> None:
        """Record those of `agents` that have not run: another one failed, and now they never will."""
        ...

    def record_rerank(self, record: RerankRecord) -> None:
        """Record how candidates were reordered."""
        ...

    def record_vote(self, record: VoteRecord) -> None:
        """Record one pass of a vote."""
        ...

    async def cosines(self, hits: Sequence[Hit]) -> Similarities | None:
        """Return the cosine of the embeddings of each pair of hits; None where the index has no embeddings."""
        ...

    def now_s(self) -> float:
        """Return the time on a clock that only goes forward, seconds."""
        ...

    def agent_span(self, agent: str, *, node: str, checkpoint_ns: str) -> AbstractContextManager[None]:
        """Record that `agent` works while the block runs, and whether it failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """The runtime context of every graph."""

    tools: QueryTools
    depth: RetrievalDepth
    strategy: str
    """How an arm without a router searches."""
    strategies: tuple[str, ...]
    """What a router may choose from."""
    level: PerformanceLevel
    routing: str
    """What the supervisor of `naive_supervisor` may choose from: fixed, dependencies or free."""
    answer_max_tokens: int
    agent_deadline_s: float | None = None
    """Seconds that one step of an agent may take; None leaves it the query's own deadline alone."""
    earlier: tuple[Message, ...] = ()
    """What user and assistant said before the question, whole turns, oldest first.

    In every arm the agents that word a search, answer or check an answer read it; router and reranker judge the
    question as it is searched for.
    """
    seed: int = 0
    budget_tokens: int | None = None
    """What the arm that this one is held against spent on the query; None where no arm is, or where it is unknown."""
    levers: frozenset[Lever] = frozenset()
    """What is on in the arm that asks; `arms.answer_question` fills it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmAnswer:
    """What an arm returns for one question."""

    text: str
    """The answer without thinking and citation marks."""
    abstained: bool
    citations: tuple[str, ...]
    """Ids of the cited chunks, in the order of citing."""
    passages: tuple[Hit, ...]
    """What reached the synthesizer, in the order of the prompt."""
    candidates: tuple[Hit, ...]
    """The ranking before it was cut to `final_k`; retrieval metrics judge it."""
    reasoning: str | None = None
    """What the model thought before it answered; None if it sent none."""
    answered_by: str | None = None
    """Task of the call whose reply it is, where it is not the last one that was asked for an answer."""
    fallback_because: str | None = None
    """Which agent failed and how, when a single pass answered instead."""
