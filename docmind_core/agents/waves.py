"""A dependency graph of agents, checked, and the waves in which it runs."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from docmind_core.errors import AgentError


def execution_waves(dependencies: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the agents in waves: each runs after all it depends on, in the order in which they are named.

    Raises:
        AgentError: If an agent depends on one that is not there, or if agents wait for each other in a circle.
    """
    for agent, needed in dependencies.items():
        for name in needed:
            if name not in dependencies:
                raise AgentError(
                    f"agent {agent} depends on {name}, which is not in the graph. Add {name} or drop the dependency."
                )
    sorter = TopologicalSorter(dependencies)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise AgentError(f"agents wait for each other in a circle: {circle}. Drop one dependency.") from error
    order = list(dependencies)
    waves = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=order.index)
        waves.append(tuple(ready))
        sorter.done(*ready)
    return tuple(waves)
