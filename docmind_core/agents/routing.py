"""What the supervisor may choose from: the routing rule of the suite, fixed before measuring."""

from collections.abc import Sequence

from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR

FINISH = "FINISH"
HANDOFFS_MAX = 8

_INPUTS: dict[str, tuple[str, ...]] = {
    ROUTER: (),
    PLANNER: (),
    RETRIEVER: (),
    SYNTHESIZER: (RETRIEVER,),
    VALIDATOR: (SYNTHESIZER,),
}


def offered_choices(routing: str, agents_run: Sequence[str]) -> tuple[str, ...]:
    """Return what the supervisor may choose after `agents_run`.

    Args:
        routing: `fixed` offers only the next of the five in order, then FINISH; `dependencies` the agents whose
            inputs exist and that have not run, and FINISH once the synthesizer has answered; `free` everything.
        agents_run: The agents that have run, in order, with repeats.
    """
    if routing == "fixed":
        return (AGENTS[len(agents_run)],) if len(agents_run) < len(AGENTS) else (FINISH,)
    if routing == "dependencies":
        ready = tuple(
            agent
            for agent in AGENTS
            if agent not in agents_run and all(needed in agents_run for needed in _INPUTS[agent])
        )
        return (*ready, FINISH) if SYNTHESIZER in agents_run else ready
    if routing == "free":
        return (*AGENTS, FINISH)
    raise ValueError(f"routing must be fixed, dependencies or free, got {routing!r}")
