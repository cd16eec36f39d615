"""The guide's recommendations, its sentences to the letter, each with what it rests on.

A sentence that asks for a lever is held back where the lever is on: it would ask for what is there already.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from docmind_core.agents.arms import find_arm
from docmind_core.agents.levers import Lever
from docmind_core.errors import UsageError
from docmind_core.measurements.guide_grade import ExecutionStatistics, token_block
from docmind_core.serving.profiles import engine_profile

NOTHING_TO_DO = "System performance is within optimal parameters"
SECONDS_MAX, VRAM_GB_MAX, TOKENS_MIN = 1.0, 14.0, 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One sentence of the guide whose rule fires."""

    text: str
    metric: str
    value: float
    threshold: float
    n: int
    """Executions in the value."""
    lever: str | None = None
    """What it asks to switch on."""
    held_back: bool = False
    """Whether the lever is on already."""

    @property
    def evidence(self) -> str:
        """What the sentence rests on, in short."""
        side = "below" if self.metric == "avg_tokens_per_execution" else "above"
        return f"{self.metric} {self.value:.4g}, {side} {self.threshold:g}, n {self.n:,}"


def recommend(
    agents: Mapping[str, ExecutionStatistics], system: ExecutionStatistics, levers_on: Collection[str] = ()
) -> tuple[Recommendation, ...]:
    """Return the sentences whose rules fire, in the guide's order; what was not measured fires none.

    The rule on few tokens is inverted (the less a system spends, the sooner it fires); it is kept as written.
    """
    found = [one for name, agent in agents.items() for one in _of_agent(name, agent)]
    if _above(system.avg_vram_gb, VRAM_GB_MAX):
        text = "Consider enabling FP8 KV cache optimization to reduce VRAM usage"
        found.append(_on_vram(text, system, Lever.FP8_KV_CACHE, levers_on))
    if _above(system.avg_execution_time_s, SECONDS_MAX):
        text = "Consider increasing parallel execution to improve throughput"
        found.append(_on_time(text, system, Lever.PARALLEL_TOOLS, levers_on))
    average = token_block(system).avg_tokens_per_execution
    if average is not None and average < TOKENS_MIN:
        found.append(
            Recommendation(
                text="Low token efficiency detected - review context optimization strategies",
                metric="avg_tokens_per_execution",
                value=average,
                threshold=TOKENS_MIN,
                n=system.executions,
            )
        )
    return tuple(found)


def sentences(found: Sequence[Recommendation]) -> tuple[str, ...]:
    """Return the sentences that are not held back; the guide's own sentence where no rule fires."""
    return tuple(one.text for one in found if not one.held_back) if found else (NOTHING_TO_DO,)


def levers_on(arm: str, profile: str | None) -> frozenset[str]:
    """Return which of the levers that the guide recommends are on in an arm on an engine.

    Args:
        arm: Name of the arm; one of another version has none that is known.
        profile: Name of the engine's profile; None on a remote engine, whose flags are unknown.
    """
    try:
        found = {str(lever) for lever in find_arm(arm).levers}
    except UsageError:
        found = set()
    try:
        flags = engine_profile(profile).flags if profile else ()
    except UsageError:
        flags = ()
    if any(value.startswith("fp8") for name, value in pairwise(flags) if name == "--kv-cache-dtype"):
        found.add(Lever.FP8_KV_CACHE)
    return frozenset(found)


def _of_agent(name: str, agent: ExecutionStatistics) -> list[Recommendation]:
    found = []
    if _above(agent.avg_execution_time_s, SECONDS_MAX):
        text = f"Consider optimizing {name} - high execution time ({agent.avg_execution_time_s:.2f}s)"
        found.append(_on_time(text, agent))
    if _above(agent.avg_vram_gb, VRAM_GB_MAX):
        text = f"Monitor {name} VRAM usage - approaching limits ({agent.avg_vram_gb:.2f}GB)"
        found.append(_on_vram(text, agent))
    return found


def _on_time(
    text: str, row: ExecutionStatistics, lever: Lever | None = None, on: Collection[str] = ()
) -> Recommendation:
    return Recommendation(
        text=text,
        metric="avg_execution_time",
        value=row.avg_execution_time_s or 0.0,
        threshold=SECONDS_MAX,
        n=row.executions,
        lever=lever,
        held_back=lever in on,
    )


def _on_vram(
    text: str, row: ExecutionStatistics, lever: Lever | None = None, on: Collection[str] = ()
) -> Recommendation:
    return Recommendation(
        text=text,
        metric="avg_vram_usage",
        value=row.avg_vram_gb or 0.0,
        threshold=VRAM_GB_MAX,
        n=row.executions if row.vram_n is None else row.vram_n,
        lever=lever,
        held_back=lever in on,
    )


def _above(value: float | None, bound: float) -> bool:
    return value is not None and value > bound
