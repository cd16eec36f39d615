"""Asks a system one question before measuring: checks that its calls are recorded and attributed to agents."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from docmind_core.errors import AgentError, UsageError
from docmind_core.retrieval.index import RetrievalIndex
from docmind_core.retrieval.search import Hit
from docmind_core.runs.blocks import plan_queries
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.system_arm import started_system, system_place
from docmind_core.runs.system_calls import UNATTRIBUTED, passage_json
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.foreign_request import ForeignRequest
from docmind_core.serving.forwarding import OpenCall
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.settings import Settings
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemAnswer
from docmind_core.telemetry.loop_lag import Deadline

_WORDS_SHOWN = 60


@dataclass(slots=True, kw_only=True)
class SeenCall:
    """One request of a probed system; implements `serving.chat.AttemptBook` and keeps what it receives."""

    request: ForeignRequest
    agent: str
    ended: AttemptEnd | None = None

    @property
    def status(self) -> str:
        """How it ended: finished, failed or cut_off, with the HTTP status of a refusal."""
        if self.ended is None:
            return "in flight"
        refused = self.ended.http_status if self.ended.status != "finished" else None
        return f"{self.ended.status} (HTTP {refused})" if refused else self.ended.status

    def begin(self, start: AttemptStart) -> None:
        """Take no note: a probe is not measured."""

    def end(self, end: AttemptEnd) -> None:
        """Keep how it ended."""
        self.ended = end

    async def kept(self) -> None:
        """Wait for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAgent:
    """What the calls of one agent have in common."""

    name: str
    fingerprint: str
    calls: int
    tokens: int | None
    """Prompt and completion; None where the engine did not say it of one of them."""
    statuses: tuple[str, ...]
    tools: tuple[str, ...]
    first_words: str
    """Of its instructions."""

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        return asdict(self)


@dataclass(slots=True, kw_only=True)
class ProbedSystem:
    """What came of the one question; implements `serving.recording_proxy.CallDesk` while it is asked."""

    name: str
    spec: SystemSpec
    find: Callable[[str, int], Sequence[Hit]] = lambda text, k: ()
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    calls: list[SeenCall] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    asked_in_vain: list[str] = field(default_factory=list)
    """What it asked the proxy for that is not served."""
    model: str = ""
    """The model that the engine serves."""
    answer: SystemAnswer | None = None
    problem: str | None = None
    """Why there is no answer."""

    @property
    def unattributed(self) -> int:
        """Calls that can't be assigned to a question."""
        return sum(call.agent == UNATTRIBUTED for call in self.calls)

    @property
    def agents(self) -> tuple[SeenAgent, ...]:
        """Who called, in the order of their first calls."""
        names = dict.fromkeys(call.agent for call in self.calls)
        return tuple(_seen_agent(name, [call for call in self.calls if call.agent == name]) for name in names)

    @property
    def refusal(self) -> str | None:
        """Why it can't be measured, and what to set; None when its calls are seen."""
        if self.calls:
            return None
        failed = f" It requested {self._in_vain}." if self.asked_in_vain else ""
        failed += f" It failed: {self.problem}" if self.problem else ""
        return (
            f"system {self.name}: it was asked a question, but no model call came through the recording proxy, "
            f"so its tokens can't be counted.{failed} Make its client read the base URL from the environment "
            'variable OPENAI_BASE_URL, or set the variable it reads: env: {NAME: "{base_url}"}. '
            "Then try it: docmind systems check SUITE"
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings of the probe, one line each."""
        if self.refusal:
            return (self.refusal,)
        others = {call.request.asked_model("") for call in self.calls} - {self.model, None}
        found = {
            f"{len(self.calls)} model calls recorded": True,
            f"no answer: {self.problem}": self.problem is not None,
            f"{self.unattributed} calls can't be assigned to a question, so the ledger will be unreconciled: create "
            "the client per question, or make the graph a function that returns it": self.unattributed > 0,
            f"it requests the model {', '.join(sorted(filter(None, others)))}, but the engine serves {self.model}: "
            'pass the name, for example env: {MODEL: "{model}"}': bool(others),
            f"it requested {self._in_vain}": bool(self.asked_in_vain),
            "some agents are known only by a fingerprint: name them under `agents` of the system": any(
                agent.name.startswith("fp:") for agent in self.agents
            ),
        }
        return tuple(text for text, holds in found.items() if holds)

    @property
    def unknown(self) -> tuple[str, ...]:
        """What will be unknown in its figures, one clause each."""
        limited = all(call.request.limit is not None for call in self.calls)
        return (
            *unknown_of(self.spec),
            *(() if limited or not self.calls else ("answer limit: some calls set no max_tokens",)),
        )

    @property
    def _in_vain(self) -> str:
        """Name what is not served."""
        asked = ", ".join(dict.fromkeys(self.asked_in_vain))
        return f"{asked}, which the proxy does not support: use OpenAI's API (/v1/chat/completions)"

    def knows(self, query: str) -> bool:
        """Whether a token is that of the one question."""
        return query == self.token

    @contextmanager
    def call(self, query: str | None, request: ForeignRequest) -> Iterator[OpenCall]:
        """Note the call; it is passed on, and not booked."""
        named = request.named_agent or self.spec.agent_of(request.system_prompt, request.tools)
        seen = SeenCall(request=request, agent=UNATTRIBUTED if query is None else named or request.fingerprint)
        self.calls.append(seen)
        yield OpenCall(book=seen, attempt=1, report=lambda error: None)

    def turned_away(self, what: str) -> None:
        """Keep it for what the probe found."""
        self.asked_in_vain.append(what)

    async def quiet(self, within_s: float) -> None:
        """Wait for nothing: a probe is not measured."""

    async def search(self, query: str, text: str, k: int) -> Sequence[Mapping[str, Any]] | None:
        """Search as in a run, and note what for."""
        self.searches.append(text)
        if not self.spec.search_tool:
            return None
        return [passage_json(hit) for hit in await asyncio.to_thread(self.find, text, k)]


def unknown_of(spec: SystemSpec) -> tuple[str, ...]:
    """Return what cannot be known of a system, one clause each: conditions that all built-in arms share."""
    found = {
        "passages read: its `sources` are not set": spec.sources is None,
        "searches: it has no `search_tool`, so its own searches are not recorded": not spec.search_tool,
        "limits of answers and prompts: it sets its own": True,
        'earlier turns of a conversation: its `input` has no "{history}"': spec.input is not None
        and "{history}" not in str(spec.input),
    }
    return tuple(what for what, holds in found.items() if holds)


def _seen_agent(name: str, calls: Sequence[SeenCall]) -> SeenAgent:
    usages = [call.ended.usage if call.ended else None for call in calls]
    known = [usage.prompt_tokens + usage.completion_tokens for usage in usages if usage is not None]
    first = calls[0].request
    return SeenAgent(
        name=name,
        fingerprint=first.fingerprint,
        calls=len(calls),
        tokens=sum(known) if len(known) == len(calls) else None,
        statuses=tuple(dict.fromkeys(call.status for call in calls)),
        tools=tuple(sorted(first.tools)),
        first_words=" ".join(first.system_prompt.split())[:_WORDS_SHOWN],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """What a probe needs."""

    settings: Settings
    inputs: RunInputs
    index: RetrievalIndex


async def probe_system(probing: Probing, proxy: RecordingProxy, name: str) -> ProbedSystem:
    """Put the first question of the suite to a system.

    Raises:
        UsageError: If it can't be started.
    """
    suite, model = probing.inputs.suite, probing.inputs.connection.model
    plan = plan_queries(probing.inputs.query_set.queries, suite)
    query = (*plan.warm_up, *plan.blocks[0])[0]
    find = partial(probing.index.of_query(query.query_id).search, suite.strategy)
    probed = ProbedSystem(name=name, spec=suite.systems[name], model=model, find=find)
    place = system_place(probing.settings, suite, f"probe.{name}")
    async with started_system(probed.spec, model, probed, proxy, place=place) as (system, run_token):
        question = Question(
            query_id=query.query_id,
            text=query.text,
            history=[{"role": said.role, "content": said.content} for said in query.history],
            address=proxy.address(run_token, probed.token),
            model=model,
        )
        try:
            async with Deadline(suite.deadline_s):
                probed.answer = await system.ask(question)
        except TimeoutError:
            probed.problem = f"CallTimeout: no answer within the deadline of {suite.deadline_s:g} s"
        except AgentError as error:
            probed.problem = f"{type(error).__name__}: {error}"
    return probed


async def refuse_unseen_systems(
    probing: Probing, proxy: RecordingProxy, arms: Sequence[str], announce: Callable[[str], None]
) -> None:
    """Ask each system that is about to be measured a question, and refuse one whose calls are not seen.

    Raises:
        UsageError: If a system can't be started, or no call of it came through the proxy.
    """
    names = dict.fromkeys(arm.removesuffix(".again") for arm in arms)
    for name in names:
        if name in probing.inputs.suite.systems:
            probed = await probe_system(probing, proxy, name)
            if probed.refusal:
                raise UsageError(probed.refusal)
            for line in probed.findings:
                announce(f"{name}: {line}")
