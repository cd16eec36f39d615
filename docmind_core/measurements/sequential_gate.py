"""A gate that looks while the candidate runs, and stops it once that decides. `metrics.md` §7, docs/sequential.md.

At each look both sides of the gate are tested as at the end, only surer: the errors of 5 % (pass) and 2.5 % (block) are
spent over the looks. A look also stops what can hardly pass any more; the boundaries don't count on that stop.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from docmind_core.errors import RunError, UsageError
from docmind_core.measurements.gate import (
    INCONCLUSIVE,
    Certainty,
    GateResult,
    GateTest,
    decide_gate,
    least_n,
    refuse_ungated,
)
from docmind_core.measurements.run_comparison import RunComparison, compare_runs, refuse_other_conditions
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.blocks import Looks, look_sizes, plan_queries
from docmind_core.runs.folding import fold_arm
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import benchmark_run_of
from docmind_core.settings import Settings
from docmind_core.statistics.sequential import boundaries, conditional_power
from docmind_core.suites.gate_policy import GatePolicy
from docmind_core.suites.plain_yaml import read_plain_yaml, write_plain_yaml
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment

FRACTIONS = (0.25, 0.32, 0.4, 0.5, 1.0)
"""Share of the queries at each look: early ones, where a clear loss shows. docs/adr/0024 has what other looks cost."""
PASS_ERROR, BLOCK_ERROR = 0.05, 0.025
"""One-sided, over all looks; those of the gate without looks."""
FUTILE_BELOW = 0.22
"""Chance of a pass, were nothing lost in the queries left, below which asking them is futile."""
FILE = "gate.yaml"
"""In the folder of a benchmark run: what it is judged by while it runs."""


class GatePlan(BaseModel):
    """What a benchmark run is judged by while it runs, fixed before its first query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baseline: str
    """Run id."""
    planned: int
    """Queries that are asked if no look decides."""
    policy: GatePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look of a sequential gate, and how sure it must be."""

    number: int
    of: int
    asked: int
    planned: int
    pass_z: float
    block_z: float
    last_z: float
    """Critical z of a pass at the last look."""

    @property
    def is_last(self) -> bool:
        """Whether all queries have been asked."""
        return self.number == self.of

    def certainty(self, min_n: int) -> Certainty:
        """Return what the tests must show; of `min_n`, which is about all queries, the share that was asked."""
        from scipy import special

        bound, interval = (1.0 - 2.0 * float(special.ndtr(-z)) for z in (self.pass_z, self.block_z))
        return Certainty(bound=bound, interval=interval, min_n=round(min_n * self.asked / self.planned))

    def __str__(self) -> str:
        """Say which look it is, and what was not asked."""
        place = f"look {self.number} of {self.of}, {self.asked} of {self.planned} queries asked"
        return place if self.is_last else f"{place}, {self.planned - self.asked} not asked"


def looks_at(planned: int) -> tuple[Look, ...]:
    """Return the looks at a run of so many queries; a small one has fewer."""
    sizes = look_sizes(planned, FRACTIONS)
    fractions = tuple(size / planned for size in sizes)
    passing, blocking = (boundaries(error, fractions) for error in (PASS_ERROR, BLOCK_ERROR))
    return tuple(
        Look(
            number=at + 1,
            of=len(sizes),
            asked=size,
            planned=planned,
            pass_z=passing[at],
            block_z=blocking[at],
            last_z=passing[-1],
        )
        for at, size in enumerate(sizes)
    )


def chance_left(test: GateTest, look: Look) -> float | None:
    """Return the chance that a test holds at the last look if nothing is lost in the queries left; None if unknown."""
    value, error = test.estimate.value, test.estimate.standard_error
    if value is None or not error:
        return None
    margin = math.log1p(test.margin) if test.is_ratio else test.margin
    gain, fraction = (-value if test.less_is_better else value), look.asked / look.planned
    return conditional_power((gain + margin) / error, fraction, margin / (error * math.sqrt(fraction)), look.last_z)


def at_look(result: GateResult, look: Look) -> GateResult:
    """Return what a look says: which tests can hardly hold any more, where the gate is neither passed nor blocked."""
    result = replace(result, look=str(look))
    if look.is_last or result.state != INCONCLUSIVE:
        return result
    tests = [test if test.state != INCONCLUSIVE else _out_of_reach(test, look) for test in result.tests]
    return replace(result, tests=tuple(tests))


def _out_of_reach(test: GateTest, look: Look) -> GateTest:
    chance = chance_left(test, look)
    if chance is None or chance >= FUTILE_BELOW:
        return test
    because = f"out of reach: even with no loss in the remaining queries, the chance of passing is {100 * chance:.0f} %"
    return replace(test, because=because, is_futile=True)


def has_decided(result: GateResult) -> bool:
    """Whether a look needs no further query."""
    return result.state != INCONCLUSIVE or any(test.is_futile for test in result.tests)


def plan_gate(suite: Suite, baseline: str, policy: GatePolicy) -> GatePlan:
    """Return what a run of a suite is judged by while it runs.

    Raises:
        UsageError: If the suite can't be looked at in between, or the policy names a metric that it does not measure.
    """
    if len(suite.arms) != 1:
        raise UsageError(f"a sequential gate judges one arm, not {', '.join(suite.arms)}. Set arms: [ARM]")
    if suite.blocks != 1:
        raise UsageError("a sequential gate needs a single block: set blocks to 1, also for the baseline")
    refuse_ungated(policy, {own.name: own.metric for own in suite.defined_metrics})
    planned = sum(len(block) for block in plan_queries(load_query_set(suite.query_set).queries, suite).blocks)
    return GatePlan(baseline=baseline, planned=planned, policy=policy)


def plan_text(plan: GatePlan) -> str:
    """Return a plan as it is written to the folder of its run."""
    return write_plain_yaml(plan.model_dump(mode="json"))


def read_plan(settings: Settings, benchmark_run: str) -> GatePlan | None:
    """Return what a benchmark run is judged by while it runs; None where no gate has begun it.

    Raises:
        RunError: If the file is damaged.
    """
    path = settings.benchmarks / benchmark_run / FILE
    if not path.is_file():
        return None
    try:
        return GatePlan.model_validate(read_plain_yaml(path.read_text("utf-8"))[0])
    except (OSError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise RunError(f"{path}: damaged ({problem}). Restore the file, or start a new run.") from error


def open_looks(settings: Settings, benchmark_run: str) -> Looks | None:
    """Return what looks at a benchmark run while it runs; None where no gate has begun it."""
    plan = read_plan(settings, benchmark_run)
    return None if plan is None else Looks(fractions=FRACTIONS, decide=partial(_decide, settings, plan))


def decide_sequential(settings: Settings, run_id: str, plan: GatePlan) -> GateResult:
    """Judge a run that has ended, at the look that ended it.

    Raises:
        UsageError: If the two runs can't be compared.
    """
    found = compare_runs(settings, run_id, plan.baseline, allowed=plan.policy.allow, asked_alone=True, store=False)
    asked = len(found.pairs.candidate.queries)
    look = next((look for look in looks_at(plan.planned) if look.asked == asked), None)
    if look is None:
        raise UsageError(f"{run_id} has {asked} of {plan.planned} queries, which matches none of its looks")
    return _judged(found, plan, look)


def _judged(found: RunComparison, plan: GatePlan, look: Look) -> GateResult:
    return at_look(decide_gate([found], plan.policy, look.certainty(least_n(found, plan.policy))), look)


def _decide(settings: Settings, plan: GatePlan, journal: Journal, run_id: str, asked: int) -> str | None:
    """Look at a run whose first `asked` queries are answered; return why it needs no further one, or None.

    Before the first query, see that the run can be compared at all.
    """
    if not asked:
        baseline = read_segment(settings.tables, "runs", plan.baseline)[0]
        facts = {"run_id": run_id, "status": None, "comparable": journal.comparable(), **journal.facts(run_id)}
        refuse_other_conditions(facts, baseline, plan.policy.allow)
        return None
    if len(journal.finished_keys(run_id)) > asked * read_frozen_suite(settings, benchmark_run_of(run_id)).replicates:
        return None  # a process that has died since continued from here
    look = next(look for look in looks_at(plan.planned) if look.asked == asked)
    result = _judged(_compared_so_far(settings, plan, journal, run_id, asked), plan, look)
    return f"stopped by the gate: {result.state} at {look}" if has_decided(result) else None


def _compared_so_far(settings: Settings, plan: GatePlan, journal: Journal, run_id: str, asked: int) -> RunComparison:
    """Compare what is in the journal so far, in a home of its own: in that of the run, no table is of half a run."""
    key = benchmark_run_of(run_id)
    with (
        TemporaryDirectory(prefix="docmind-look-") as folder,
        _home_with(settings, plan.baseline, Path(folder)) as scratch,
    ):
        suite = read_frozen_suite(scratch, key)
        fold_arm(scratch, journal, run_id, asked * suite.replicates)
        score_benchmark_run(scratch, key, load_query_set(suite.query_set), suite.defined_metrics)
        found = compare_runs(scratch, run_id, plan.baseline, allowed=plan.policy.allow, asked_alone=True, store=False)
    # The counters are read when the arm ends; the ledger is judged then.
    return replace(found, ledger={**found.ledger, run_id: "balanced"})


@contextmanager
def _home_with(settings: Settings, baseline: str, folder: Path) -> Iterator[Settings]:
    """Yield a home that has everything of another one but its tables: of these the baseline's and the noise floors."""
    for path in settings.home.absolute().iterdir():
        if path != settings.tables.absolute():
            (folder / path.name).symlink_to(path)
    scratch = Settings(home=folder)
    for path in settings.tables.absolute().glob("*/*.parquet"):
        if path.stem in {baseline, benchmark_run_of(baseline)} or path.parent.name == "noise_floor":
            (scratch.tables / path.parent.name).mkdir(parents=True, exist_ok=True)
            (scratch.tables / path.parent.name / path.name).symlink_to(path)
    yield scratch
