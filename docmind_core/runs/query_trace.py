"""The spans, searches and decisions of one query, collected while it is answered."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from time import monotonic_ns

from docmind_core.agents.decisions import Failure, RerankRecord, RouteRecord, VoteRecord
from docmind_core.agents.levels import RetrievalDepth
from docmind_core.retrieval.search import Hit
from docmind_core.runs.journal import QueryKey, Row

SEMCONV_VERSION = "semantic-conventions-genai@002c8a6"
ROOT_SPAN = "root"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` makes an encoder for each span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What encloses the code that runs now."""

    span_id: str
    agent: str | None = None
    """Who works; None outside every agent's span."""
    node: str | None = None
    checkpoint_ns: str | None = None


_frame: ContextVar[Frame] = ContextVar("frame")


@dataclass(slots=True, kw_only=True)
class OpenSpan:
    """A span that has begun; its attributes may grow until it ends."""

    span_id: str
    attributes: dict[str, object]


@dataclass(slots=True, kw_only=True)
class QueryTrace:
    """Collects the rows of `spans` and `retrieved`, and those of its calls; one per query, in one event loop."""

    key: QueryKey
    level: str
    spans: list[Row] = field(default_factory=list)
    retrieved: list[Row] = field(default_factory=list)
    agent_sequence: list[str] = field(default_factory=list)
    attempts: dict[tuple[str, int], Row] = field(default_factory=dict)
    """The attempts of this process as they were booked last, by call and number, in the order they went out."""
    _count: int = 0

    @property
    def frame(self) -> Frame:
        """The innermost agent span around the caller, or the root."""
        return _frame.get(Frame(span_id=ROOT_SPAN))

    @contextmanager
    def span(self, op: str, name: str, attributes: Mapping[str, object] | None = None) -> Iterator[OpenSpan]:
        """Record an interval; an exception marks it as an error and propagates."""
        opened = OpenSpan(span_id=self.new_id(op), attributes=dict(attributes or {}))
        parent, t0, status = self.frame.span_id, monotonic_ns(), "ok"
        try:
            yield opened
        except BaseException as error:
            status = "error"
            opened.attributes["error.type"] = type(error).__name__
            raise
        finally:
            self._close(opened, op, name, parent, (t0, monotonic_ns()), status)

    def new_id(self, op: str) -> str:
        """Return the id of a span that is added when it has ended."""
        self._count += 1
        return f"{op}-{self._count}"

    def add_span(
        self, opened: OpenSpan, op: str, name: str, *, parent: str, interval_ns: tuple[int, int], status: str = "ok"
    ) -> None:
        """Add a span that has ended, by its own stamps on the monotonic clock."""
        self._close(opened, op, name, parent, interval_ns, status)

    @contextmanager
    def agent_span(self, agent: str, *, node: str, checkpoint_ns: str) -> Iterator[None]:
        """Record that `agent` works; what it calls and searches inside becomes part of it."""
        self.agent_sequence.append(agent)
        with self.span("invoke_agent", agent, {"gen_ai.agent.name": agent}) as opened:
            token = _frame.set(Frame(span_id=opened.span_id, agent=agent, node=node, checkpoint_ns=checkpoint_ns))
            try:
                yield
            finally:
                _frame.reset(token)

    @contextmanager
    def root(self, name: str) -> Iterator[None]:
        """Record the whole query; exactly one per query."""
        t0, status = monotonic_ns(), "ok"
        token = _frame.set(Frame(span_id=ROOT_SPAN))
        try:
            yield
        except BaseException:
            status = "error"
            raise
        finally:
            _frame.reset(token)
            opened = OpenSpan(span_id=ROOT_SPAN, attributes={"gen_ai.workflow.name": name})
            self._close(opened, "invoke_workflow", name, None, (t0, monotonic_ns()), status)

    def add_search(
        self, hits: tuple[Hit, ...], *, span_id: str, strategy: str, depth: RetrievalDepth, search_query: str
    ) -> None:
        """Add what one search gave an agent to `retrieved`."""
        origin = {"ranking": "search", "span_id": span_id, "strategy": strategy, "search_query": search_query}
        self.retrieved.extend(self._ranked(hits, depth, origin))

    def add_candidates(self, candidates: tuple[Hit, ...], deeper: tuple[Hit, ...], depth: RetrievalDepth) -> None:
        """Add the ranking that the metrics judge to `retrieved`: `deeper` follows without scores, seen by no agent."""
        rows = self._ranked((*candidates, *deeper), depth, {"ranking": "candidates", "span_id": ROOT_SPAN})
        self.retrieved.extend({**row, "score": None} if row["rank"] > len(candidates) else row for row in rows)

    def _ranked(self, hits: tuple[Hit, ...], depth: RetrievalDepth, origin: Row) -> Iterator[Row]:
        shared = {
            **self._key_columns(),
            "search_query": None,
            "strategy": None,
            **origin,
            "level": self.level,
            "candidates_k": depth.candidates_k,
            "final_k": depth.final_k,
        }
        for rank, hit in enumerate(hits, start=1):
            chunk = hit.chunk
            yield {**shared, "rank": rank, "doc_id": chunk.doc_id, "chunk_id": chunk.chunk_id, "score": hit.score}

    def _close(
        self, opened: OpenSpan, op: str, name: str, parent: str | None, interval_ns: tuple[int, int], status: str
    ) -> None:
        self.spans.append(
            {
                **self._key_columns(),
                "span_id": opened.span_id,
                "parent_id": parent,
                "op": op,
                "name": name,
                "t0": interval_ns[0],
                "t1": interval_ns[1],
                "status": status,
                "attributes": _as_json({"gen_ai.operation.name": op, **opened.attributes}),
                "semconv_version": SEMCONV_VERSION,
            }
        )

    def _key_columns(self) -> Row:
        return {"run_id": self.key.run_id, "query_id": self.key.query_id, "replicate": self.key.replicate}


@dataclass(slots=True, kw_only=True)
class DecisionLog:
    """Collects decisions; one per query."""

    routes: list[tuple[RouteRecord, float]] = field(default_factory=list)
    """Each with the seconds it took."""
    reranks: list[RerankRecord] = field(default_factory=list)
    votes: list[VoteRecord] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Agents that never ran since another one had failed."""

    def rows(self, key: QueryKey, *, level: str, resumed: bool) -> dict[str, list[Row]]:
        """Return the rows by table; for a resumed query the seconds are not valid."""
        of_query = {"run_id": key.run_id, "query_id": key.query_id, "replicate": key.replicate}
        return {
            "route_decisions": [
                {
                    **of_query,
                    "decision": number,
                    "level": level,
                    **asdict(record),
                    "agrees": record.agrees,
                    "analysis_s": None if resumed else analysis_s,
                }
                for number, (record, analysis_s) in enumerate(self.routes, start=1)
            ],
            "votes": [{**of_query, "pass": number, **asdict(each)} for number, each in enumerate(self.votes, start=1)],
            "agent_failures": [
                {**of_query, "failure": number, **row} for number, row in enumerate(self._failure_rows(), start=1)
            ],
            "reranks": [
                {**of_query, "rerank": number, **asdict(record)} for number, record in enumerate(self.reranks, start=1)
            ],
        }

    def _failure_rows(self) -> list[Row]:
        failed = [
            {"agent": each.agent, "outcome": "failed", "error_type": each.error_type, "error_message": each.message}
            for each in self.failures
        ]
        return [*failed, *({"agent": agent, "outcome": "skipped"} for agent in self.skipped)]
