"""One question put to a system before anything is measured: are its calls seen, and whose are they?"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from docmind_core.errors import AgentError, CallTimeout, UsageError
from docmind_core.retrieval.search import Hit
from docmind_core.runs.system_arm import started_system, system_place
from docmind_core.runs.system_calls import UNATTRIBUTED, passage_json
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.foreign_request import ForeignRequest
from docmind_core.serving.forwarding import OpenCall
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemAnswer
from docmind_core.telemetry.loop_lag import Deadline

if TYPE_CHECKING:
    from docmind_core.runs.arm_share import Bench
    from docmind_core.runs.query_row import AskedQuery


@dataclass(slots=True, kw_only=True)
class SeenCall:
    """One request of a probed system; implements `serving.chat.AttemptBook` and keeps what it is told."""

    request: ForeignRequest
    agent: str
    ended: AttemptEnd | None = None

    def begin(self, start: AttemptStart) -> None:
        """Take no note: a probe is not measured."""

    def end(self, end: AttemptEnd) -> None:
        """Keep how it ended."""
        self.ended = end


@dataclass(slots=True, kw_only=True)
class ProbedSystem:
    """What came of the one question; implements `serving.recording_proxy.CallDesk` while it is asked."""

    name: str
    spec: SystemSpec
    find: Callable[[str, int], Sequence[Hit]] = lambda text, k: ()
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    calls: list[SeenCall] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    answer: SystemAnswer | None = None
    problem: str | None = None
    """Why there is no answer."""

    def knows(self, query: str) -> bool:
        """Whether a token is that of the one question."""
        return query == self.token

    @contextmanager
    def call(self, query: str | None, request: ForeignRequest) -> Iterator[OpenCall]:
        """Note the call; it is passed on, and booked nowhere."""
        named = request.named_agent or self.spec.agent_of(request.system_prompt, request.tools)
        seen = SeenCall(request=request, agent=UNATTRIBUTED if query is None else named or request.fingerprint)
        self.calls.append(seen)
        yield OpenCall(book=seen, attempt=1, report=lambda error: None)

    async def quiet(self, within_s: float) -> None:
        """Wait for nothing: a probe is not measured."""

    async def search(self, query: str, text: str, k: int) -> Sequence[Mapping[str, Any]] | None:
        """Search as in a run, and note what for."""
        self.searches.append(text)
        if not self.spec.search_tool:
            return None
        return [passage_json(hit) for hit in await asyncio.to_thread(self.find, text, k)]


async def probe_system(bench: "Bench", proxy: RecordingProxy, name: str, query: "AskedQuery") -> ProbedSystem:
    """Put one question to a system.

    Raises:
        UsageError: If it can't be started.
    """
    suite = bench.inputs.suite
    spec = suite.systems[name]
    probed = ProbedSystem(name=name, spec=spec, find=partial(bench.index.search, suite.strategy))
    place = system_place(bench.settings, suite, f"probe.{name}")
    model = bench.inputs.connection.model
    async with started_system(spec, model, probed, proxy, place=place) as (system, run_token):
        question = Question(
            query_id=query.query_id,
            text=query.text,
            history=[{"role": said.speaker, "content": said.text} for said in query.earlier],
            address=proxy.address(run_token, probed.token),
            model=model,
        )
        try:
            async with Deadline(suite.deadline_s):
                probed.answer = await system.ask(question)
        except TimeoutError:
            late = CallTimeout(f"no answer within the deadline of {suite.deadline_s:g} s (deadline_s of the suite).")
            probed.problem = f"{type(late).__name__}: {late}"
        except AgentError as error:
            probed.problem = f"{type(error).__name__}: {error}"
    return probed


async def refuse_unseen_systems(bench: "Bench", proxy: RecordingProxy, arms: Sequence[str]) -> None:
    """Put a question to each system that is about to be measured, and refuse one whose calls are not seen.

    Raises:
        UsageError: If a system can't be started, or no call of it came through the proxy.
    """
    query = bench.asked((*bench.plan.warm_up, *bench.plan.blocks[0]))[0]
    names = dict.fromkeys(arm.removesuffix(".again") for arm in arms)
    for name in names:
        if name in bench.inputs.suite.systems:
            probed = await probe_system(bench, proxy, name, query)
            if said := unseen(probed):
                raise UsageError(said)
            bench.observer.announce(f"{name}: {len(probed.calls)} calls seen in the probe")


def unseen(probed: ProbedSystem) -> str | None:
    """Say why a system can't be measured, and what to set; None when its calls are seen."""
    if probed.calls:
        return None
    failed = f" It failed: {probed.problem}" if probed.problem else ""
    return (
        f"system {probed.name}: no call of the model came through the recording proxy when it was asked a question, so "
        f"its tokens could not be counted.{failed} Let its client take its base URL from the environment variable "
        'OPENAI_BASE_URL, or name the variable it reads: env: {NAME: "{base_url}"}. '
        "Then try it: docmind systems check SUITE"
    )
