"""The guide's own grade, token block and recommendations, kept to the letter so that its numbers can be reproduced.

They are shown under the scorecard and labelled as the guide's; `KNOWN_FAULTS` says why nothing is decided by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NOT_GRADED = "n/a"

POINTS_OF_A_PART = 25
_EXECUTION_TIME_S = ((0.5, 25), (1.0, 20), (2.0, 15))
_VRAM_GB = ((12.0, 25), (14.0, 20), (16.0, 15))
_EXECUTIONS = ((100, 25), (50, 20), (20, 15))
_TOKENS_PER_SECOND = ((1000.0, 25), (500.0, 20), (200.0, 15))
_GRADES = ((90, "A+ Excellent"), (80, "A Good"), (70, "B Average"), (60, "C Below Average"))
_LOWEST_GRADE = "D Needs Improvement"

KNOWN_FAULTS = (
    "It depends on the sample size: the same system gets C at 15 executions, B at 60 and A at 120.",
    "It rewards waste: padding prompts fourfold raises A to A+; the guide's own token cut of 75 % lowers A+ to A.",
    "It ignores quality: a broken agent that produces 20 tokens in 10 ms gets A+.",
    "Its memory part compares with fixed gigabytes: a large GPU can never pass, whatever the run needed.",
)
"""Known flaws of the grade, each measured (docs/metrics.md)."""

RULES = (
    "Sentences appear above a mean of 1.0 s per execution, above 14 GB of VRAM and below 500 tokens per execution. "
    "The last rule is inverted: it faults the system that uses few tokens. A sentence is omitted if what it asks "
    "for is already in use."
)
"""When the recommendations fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStatistics:
    """Means over the executions of one agent, or of all agents together."""

    executions: int
    avg_execution_time_s: float | None
    avg_vram_gb: float | None
    """Decimal gigabytes, as in the guide, over the executions that have it; None without a GPU."""
    total_tokens: int | None
    vram_n: int | None = None
    """Executions whose VRAM is known; None for all."""

    @property
    def graded_vram_gb(self) -> float | None:
        """The mean where it is that of all executions; a mean of some of them does not describe the whole."""
        return self.avg_vram_gb if self.vram_n is None or self.vram_n == self.executions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideGrade:
    """Points of the four parts and the name of the grade."""

    execution_time: int | None
    vram: int | None
    executions: int | None
    tokens_per_second: int | None

    @property
    def parts(self) -> Mapping[str, int | None]:
        """Points by part; None where the part could not be measured."""
        return {
            "execution time": self.execution_time,
            "VRAM": self.vram,
            "executions": self.executions,
            "tokens per second": self.tokens_per_second,
        }

    @property
    def points(self) -> int:
        """Sum of the parts that were measured: 30 to 100 when all were."""
        return sum(part for part in self.parts.values() if part is not None)

    @property
    def points_possible(self) -> int:
        """Maximum points of the measured parts."""
        return POINTS_OF_A_PART * sum(part is not None for part in self.parts.values())

    @property
    def grade(self) -> str:
        """One of the guide's five names, or `n/a` when a part is missing: it never counts as full points."""
        if None in self.parts.values():
            return NOT_GRADED
        return next((name for bound, name in _GRADES if self.points >= bound), _LOWEST_GRADE)

    @property
    def letter(self) -> str | None:
        """The grade without its word; None when there is none."""
        return None if self.grade == NOT_GRADED else self.grade.partition(" ")[0]

    def __str__(self) -> str:
        missing = [name for name, part in self.parts.items() if part is None]
        if not missing:
            return f"{self.grade} ({self.points} of {self.points_possible} points)"
        partial = f"{self.points} of {self.points_possible} points without {', '.join(missing)}"
        return f"{self.grade} ({partial}: not measured)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBlock:
    """The guide's `token_efficiency`; None where nothing was executed or no time passed."""

    tokens_per_second: float | None
    avg_tokens_per_execution: float | None
    token_processing_efficiency: str
    """`High` above 1,000 tokens per second, else `Normal`; `n/a` without a rate."""


def execution_statistics(row: Mapping[str, object]) -> ExecutionStatistics:
    """Read the means that the guide grades from a row of `system_performance` or `agent_performance`."""
    executions, tokens, vram_n = row.get("total_executions"), row.get("total_tokens_processed"), row.get("vram_n")
    seconds, vram = row.get("avg_execution_time"), row.get("avg_vram_usage")
    return ExecutionStatistics(
        executions=executions if isinstance(executions, int) else 0,
        avg_execution_time_s=seconds if isinstance(seconds, float) else None,
        avg_vram_gb=vram if isinstance(vram, float) else None,
        total_tokens=tokens if isinstance(tokens, int) else None,
        vram_n=vram_n if isinstance(vram_n, int) else None,
    )


def guide_grade_v1(system: ExecutionStatistics) -> GuideGrade:
    """Grade all executions of a period; bounds are inclusive and compared with unrounded values."""
    rate = tokens_per_second(system)
    return GuideGrade(
        # No execution takes zero seconds: nothing was measured.
        execution_time=_at_most(system.avg_execution_time_s or None, _EXECUTION_TIME_S, otherwise=5),
        vram=_at_most(system.graded_vram_gb, _VRAM_GB, otherwise=5),
        executions=_at_least(system.executions, _EXECUTIONS, otherwise=10) if system.executions else None,
        tokens_per_second=_at_least(rate, _TOKENS_PER_SECOND, otherwise=10),
    )


def tokens_per_second(system: ExecutionStatistics) -> float | None:
    """Return tokens over the summed time of all executions, overlapping ones counted twice as in the guide."""
    if system.total_tokens is None or not system.avg_execution_time_s or not system.executions:
        return None
    return system.total_tokens / (system.avg_execution_time_s * system.executions)


def token_block(system: ExecutionStatistics) -> TokenBlock:
    """Build the guide's `token_efficiency` from the same sums as its grade."""
    rate = tokens_per_second(system)
    known = system.total_tokens is not None and system.executions > 0
    return TokenBlock(
        tokens_per_second=rate,
        avg_tokens_per_execution=(system.total_tokens or 0) / system.executions if known else None,
        token_processing_efficiency=NOT_GRADED if rate is None else "High" if rate > 1000 else "Normal",
    )


def _at_most(value: float | None, bounds: Sequence[tuple[float, int]], *, otherwise: int) -> int | None:
    if value is None:
        return None
    return next((points for bound, points in bounds if value <= bound), otherwise)


def _at_least(value: float | None, bounds: Sequence[tuple[float, int]], *, otherwise: int) -> int | None:
    if value is None:
        return None
    return next((points for bound, points in bounds if value >= bound), otherwise)
