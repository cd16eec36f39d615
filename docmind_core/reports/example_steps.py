"""What the agents of an example query did, whether it took a call of the model or not."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docmind_core.reports.number_text import counted
from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_rows

ROUTER, PLANNER, VALIDATOR = "query_router", "query_planner", "response_validator"
SEARCH = "search"
"""Arms of one agent search too: a search is named for what it is."""
REFINED_TASK = "answer_again"
"""Task of the call that answers after a verdict of no."""

_ROUTES = (
    "select run_id, query_id, strategy, decided_by, reasoning, fell_back_because from route_decisions "
    "where run_id in $run_ids and query_id in $chosen and replicate = 0 order by decision"
)
_CALLS = (
    "select run_id, query_id, agent, task, reply from llm_calls "
    "where run_id in $run_ids and query_id in $chosen and replicate = 0 and status = 'finished' "
    "and coalesce(phase, 'measured') = 'measured' order by sent_at, call_id, attempt"
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that an agent decided or did."""

    agent: str
    """Who did it; `search` for a search."""
    text: str


def read_steps(settings: Settings, run_ids: Sequence[str], chosen: Sequence[str]) -> Mapping[Key, tuple[Step, ...]]:
    """Return the steps of replicate 0 by run_id and query_id: route, plan, searches, verdict, refinement."""
    parameters = {"run_ids": list(run_ids), "chosen": list(chosen)}
    steps: dict[Key, list[Step]] = defaultdict(list)
    for run_id, query_id, *route in query_rows(settings, _ROUTES, parameters)[1]:
        steps[str(run_id), str(query_id)].append(Step(agent=ROUTER, text=_route(*route)))
    calls = [(str(r), str(q), *map(str, call)) for r, q, *call in query_rows(settings, _CALLS, parameters)[1]]
    for run_id, query_id, agent, _, reply in calls:
        if agent == PLANNER and (plan := _plan(reply)):
            steps[run_id, query_id].append(Step(agent=PLANNER, text=plan))
    for run_id, query_id, strategy, text, hits in query_rows(settings, sql_text("searches_of_queries"), parameters)[1]:
        found = f"{strategy} for “{text}”: {counted(int(str(hits)), 'chunk')}"
        steps[str(run_id), str(query_id)].append(Step(agent=SEARCH, text=found))
    for run_id, query_id, agent, task, reply in calls:
        if agent == VALIDATOR and reply.strip() in ("yes", "no"):
            verdict = "supports" if reply.strip() == "yes" else "does not support"
            steps[run_id, query_id].append(Step(agent=VALIDATOR, text=f"what was read {verdict} the answer"))
        elif task == REFINED_TASK:
            steps[run_id, query_id].append(Step(agent=agent, text="refined: answered again after another search"))
    return {key: tuple(of_query) for key, of_query in steps.items()}


def _route(strategy: object, decided_by: object, reasoning: object, fell_back_because: object) -> str:
    instead = f"; fell back: {fell_back_because}" if fell_back_because else ""
    why = f": {reasoning}" if reasoning else ""
    return f"{strategy}, decided by {decided_by}{why}{instead}"


def _plan(reply: str) -> str:
    """Return the searches of a plan in words; nothing for an invalid reply, which is among the replies."""
    try:
        searches = json.loads(reply)["sub_queries"]
        return "planned " + "; ".join(f"“{search}”" for search in searches)
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
