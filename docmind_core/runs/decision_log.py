"""What the agents of one query decided on the way, and which of them failed, as rows."""

from dataclasses import asdict, dataclass, field

from docmind_core.agents.decisions import Failure, RerankRecord, RouteRecord, VoteRecord
from docmind_core.runs.journal import QueryKey, Row


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
        """Return the rows by table; of a resumed query the seconds mean nothing."""
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
