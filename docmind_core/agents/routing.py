"""What the supervisor may choose from: the routing rule of the suite, fixed before measuring."""

from collections.abc import Sequence

from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR

FINISH = "FINISH"
HANDOFFS_MAX = 8
SEARCHES_MAX = 3
"""Searches of `single_agent`."""
TOGETHER = " and "
"""Between the names of agents that are dispatched at once."""

_INPUTS: dict[str, tuple[str, ...]] = {
    ROUTER: (),
    PLANNER: (),
    RETRIEVER: (),
    SYNTHESIZER: (RETRIEVER,),
    VALIDATOR: (SYNTHESIZER,),
}


def offered_choices(
    routing: str, agents_run: Sequence[str], *, agents: Sequence[str] = AGENTS, parallel: bool = False
) -> tuple[str, ...]:
    """Return what the supervisor may choose after `agents_run`.

    Args:
        routing: `fixed` offers only the next of the agents in order, then FINISH; `dependencies` the agents whose
            inputs exist and that have not run, and FINISH once the synthesizer has answered; `free` everything.
        agents_run: The agents that have run, in order, with repeats.
        agents: The agents of this arm, in order.
        parallel: Offer agents that don't need each other as one choice too, joined by `TOGETHER`; under `fixed`
            only so.
    """
    waiting = [agent for agent in agents if agent not in agents_run]
    opening = [agent for agent in (ROUTER, PLANNER) if agent in waiting]
    if routing == "fixed":
        together = parallel and len(opening) > 1
        return (TOGETHER.join(opening) if together else waiting[0],) if waiting else (FINISH,)
    if routing == "dependencies":
        ready = [agent for agent in waiting if all(needed in agents_run for needed in _INPUTS[agent])]
        return (*ready, *_together(ready, agents_run, parallel), *((FINISH,) if SYNTHESIZER in agents_run else ()))
    if routing == "free":
        return (*agents, *_together([ROUTER, PLANNER], agents_run, parallel), FINISH)
    raise ValueError(f"routing must be fixed, dependencies or free, got {routing!r}")


def _together(agents: Sequence[str], agents_run: Sequence[str], parallel: bool) -> tuple[str, ...]:
    fits = len(agents_run) + len(agents) <= HANDOFFS_MAX
    return (TOGETHER.join(agents),) if parallel and fits and len(agents) > 1 else ()
