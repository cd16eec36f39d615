"""Asking a compiled graph one question by its own nodes, edges and reducers, without the rest of LangGraph's machinery.

LangGraph's `ainvoke` spends 0.3 to 0.5 ms of processor time on each node, for callbacks, streams, checkpoints and
retries that no arm has; a whole call of the model costs this project about 1 ms.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START
from langgraph.runtime import ExecutionInfo, Runtime
from langgraph.types import Send

from docmind_core.agents.context import AgentContext

Channels = dict[str, Any]
"""LangGraph's own: how a key takes several values is decided in there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A node that runs in this step."""

    node: str
    state: Mapping[str, Any]
    runtime: Runtime[AgentContext]
    is_sent: bool


@dataclass(slots=True, kw_only=True)
class _Next:
    """What runs in the next step."""

    sent: list[Send] = field(default_factory=list)
    triggered: set[str] = field(default_factory=set)

    def add(self, destinations: Any, names: Mapping[Any, str] | None = None) -> None:
        """Add what an edge leads to; `names` are those of its nodes, where it calls them otherwise."""
        for each in destinations if isinstance(destinations, list | tuple) else [destinations]:
            if isinstance(each, Send):
                self.sent.append(each)
            elif (name := names[each] if names else each) != END:
                self.triggered.add(name)


class GraphWalk:
    """A compiled graph that answers as its own `ainvoke` does: `tests/agents/test_graph_walk.py` compares the two."""

    def __init__(self, compiled: Any) -> None:
        """Read the definition of a compiled graph.

        Raises:
            ValueError: If the graph has something that only LangGraph itself can run.
        """
        if needed := [what for what, is_in in _ONLY_LANGGRAPH.items() if is_in(compiled)]:
            raise ValueError(f"a graph with {', '.join(needed)} is not supported here: call its own ainvoke")
        self.compiled = compiled
        builder = compiled.builder
        self._channels: Channels = builder.channels
        self._nodes = {name: node.runnable.afunc for name, node in builder.nodes.items()}
        self._branches = {name: list(branches.values()) for name, branches in builder.branches.items()}
        self._joins = [(frozenset(starts), end) for starts, end in builder.waiting_edges]
        self._edges: dict[str, list[str]] = {}
        for start, end in builder.edges:
            self._edges.setdefault(start, []).append(end)

    async def ainvoke(
        self, state: Mapping[str, Any], config: Mapping[str, Any], *, context: AgentContext
    ) -> dict[str, Any]:
        """Return the state at the end; nodes that don't wait for each other run at the same time.

        Raises:
            GraphRecursionError: After `recursion_limit` steps.
            InvalidUpdateError: If two nodes write a key in one step that takes one value.
        """
        channels: Channels = {name: channel.copy() for name, channel in self._channels.items()}
        _write(channels, [state])
        arrived: list[set[str]] = [set() for _ in self._joins]
        coming, ran = _Next(), 0
        coming.add(self._edges[START])
        for _ in range(config["recursion_limit"]):
            tasks = self._tasks(coming, channels, context, ran)
            if not tasks:
                return _values(channels)
            ran += len(tasks)
            updates = await self._run(tasks)
            views = [_after(channels, update) for update in updates] if len(tasks) > 1 else [channels]
            # Sent tasks begin first and are written last, as in LangGraph.
            ended = sorted(zip(tasks, updates, views, strict=True), key=lambda each: each[0].is_sent)
            _write(channels, [update for _, update, _ in ended])
            coming = _Next()
            for task, _, view in ended:
                self._follow(task, view, coming, arrived)
        raise GraphRecursionError(f"the graph did not finish within {config['recursion_limit']} steps")

    def _tasks(self, coming: _Next, channels: Channels, context: AgentContext, ran: int) -> list[_Task]:
        state = _values(channels)
        wanted: list[tuple[str, Any, bool]] = [(packet.node, packet.arg, True) for packet in coming.sent]
        wanted += [(node, state, False) for node in sorted(coming.triggered)]
        return [
            _Task(node=node, state=given, runtime=_runtime(context, node, number), is_sent=is_sent)
            for number, (node, given, is_sent) in enumerate(wanted, start=ran + 1)
        ]

    async def _run(self, tasks: Sequence[_Task]) -> list[dict[str, Any]]:
        work = [self._nodes[task.node](task.state, runtime=task.runtime) for task in tasks]
        if len(work) == 1:
            return [await work[0]]
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(each) for each in work]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__
        return [each.result() for each in running]

    def _follow(self, task: _Task, view: Channels, coming: _Next, arrived: Sequence[set[str]]) -> None:
        coming.add(self._edges.get(task.node, ()))
        for branch in self._branches.get(task.node, ()):
            needs = {"runtime": task.runtime} if "runtime" in branch.path.func_accepts else {}
            coming.add(branch.path.func(_values(view), **needs), branch.ends)
        for (starts, end), there in zip(self._joins, arrived, strict=True):
            if task.node in starts:
                there.add(task.node)
                if there == starts:
                    there.clear()
                    coming.add(end)


def _runtime(context: AgentContext, node: str, number: int) -> Runtime[AgentContext]:
    about = ExecutionInfo(checkpoint_id="", checkpoint_ns=f"{node}:{number}", task_id=str(number))
    return Runtime(context=context, execution_info=about)


def _write(channels: Channels, updates: Sequence[Mapping[str, Any]]) -> None:
    written: dict[str, list[Any]] = {}
    for update in updates:
        for name, value in update.items():
            written.setdefault(name, []).append(value)
    for name, values in written.items():
        if name in channels:
            channels[name].update(values)


def _after(channels: Channels, update: Mapping[str, Any]) -> Channels:
    """Return what a node's own edges read: the state before the step with what this node alone has written."""
    after = {**channels, **{name: channels[name].copy() for name in update if name in channels}}
    _write(after, [update])
    return after


def _values(channels: Channels) -> dict[str, Any]:
    return {name: channel.get() for name, channel in channels.items() if channel.is_available()}


_ONLY_LANGGRAPH: Mapping[str, Callable[[Any], bool]] = {
    "a checkpointer": lambda graph: bool(graph.checkpointer),
    "a store": lambda graph: graph.store is not None,
    "interrupts": lambda graph: bool(graph.interrupt_before_nodes or graph.interrupt_after_nodes),
    "managed values": lambda graph: bool(graph.builder.managed),
    "a branch at its start": lambda graph: START in graph.builder.branches,
    "a node with a policy of its own": lambda graph: any(
        node.defer
        or node.ends
        or any((node.retry_policy, node.cache_policy, node.timeout, node.error_handler_node, node.is_error_handler))
        for node in graph.builder.nodes.values()
    ),
}
