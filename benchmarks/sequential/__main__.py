"""Draw pairs of runs and judge them by the gate, at the end and look by look; write `docs/sequential.md`.

python -m benchmarks.sequential [--pairs 10000]
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.nights.__main__ import Case as Series
from benchmarks.nights.__main__ import night_of
from docmind_core.measurements.gate import Certainty, GateResult, GateTest, judge_difference, judge_ratio
from docmind_core.measurements.paired import Pairs
from docmind_core.measurements.sequential_gate import FRACTIONS, FUTILE_BELOW, Look, at_look, has_decided, looks_at
from docmind_core.metrics.catalogue import METRICS
from docmind_core.statistics.shares import wilson_interval
from docmind_core.suites.gate_policy import MARGIN

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sequential.md"
LOST = 0.01
"""Share of the queries that a run does not answer itself."""
REACHED, LEFT = "out of reach", "inconclusive"

Sides = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Candidate and baseline by metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One truth."""

    shown: str
    passes: float = 0.0
    """By how much the candidate passes more, a share of the queries."""
    tokens: float = 0.0
    """By how much more it costs, a share of the baseline's."""
    n: int = 300
    a_document: int = 1
    """Queries about one document: what they are not independent of."""

    @property
    def clusters(self) -> NDArray[np.int64]:
        """The document of each query."""
        return np.arange(self.n) // self.a_document


CASES = (
    Case(shown="no difference"),
    Case(shown="5 points fewer pass (the margin)", passes=-0.05),
    Case(shown="10 points fewer pass", passes=-0.1),
    Case(shown="10 % more tokens", tokens=0.1),
    Case(shown="5 % more tokens (the margin)", tokens=0.05),
    Case(shown="10 points more pass", passes=0.1),
    Case(shown="no difference", a_document=3),
    Case(shown="10 points fewer pass", passes=-0.1, a_document=3),
    *(Case(shown="no difference", n=n) for n in (100, 200, 1000)),
    *(Case(shown="10 points fewer pass", passes=-0.1, n=n) for n in (100, 200, 500, 1000, 3000)),
    *(Case(shown="10 % more tokens", tokens=0.1, n=n) for n in (200, 1000)),
)


def drawn(case: Case, rng: np.random.Generator) -> Sides:
    """Return one pair of runs; the queries are in the order in which they are asked."""
    clusters = rng.permutation(case.clusters)
    tokens = night_of(Series(metric="tokens", structure=""), clusters, rng)
    passes = night_of(Series(metric="passes", structure=""), clusters, rng)
    cost = np.exp(tokens(float(np.log1p(case.tokens)))), np.exp(tokens(0.0))
    passed = -passes(max(0.0, -case.passes)), -passes(max(0.0, case.passes))
    good = tuple((rng.random(case.n) >= LOST).astype(float) for _ in range(2))
    return {"passed": passed, "good_ratio": (good[0], good[1]), "billed_tokens": cost, "": (clusters, clusters)}


def tested(case: Case, sides: Sides, asked: int, certainty: Certainty) -> GateResult:
    """Test the default metrics over the first queries."""
    clusters = sides[""][0][:asked].astype(np.int64)
    pairs = {
        name: Pairs(candidate=both[0][:asked], baseline=both[1][:asked], clusters=clusters)
        for name, both in sides.items()
        if name
    }
    tests = []
    for name in ("passed", "good_ratio"):
        if case.a_document == 1:
            counts = int((pairs[name].differences > 0).sum()), int((pairs[name].differences < 0).sum())
            tests.append(_of_counts(name, *counts, asked, certainty))
        else:
            tests.append(_of_pairs(name, pairs[name], certainty))
    tests.append(judge_ratio("arm", "billed_tokens", pairs["billed_tokens"], MARGIN, certainty))
    return GateResult(tests=tuple(tests), comparisons=())


@cache
def _of_counts(name: str, gains: int, losses: int, n: int, certainty: Certainty) -> GateTest:
    """Test independent pairs: all that counts is how many were gained and lost, and each count comes up often."""
    candidate, baseline = np.zeros(n), np.zeros(n)
    candidate[:gains] = 1.0
    baseline[gains : gains + losses] = 1.0
    return _of_pairs(name, Pairs(candidate=candidate, baseline=baseline, clusters=np.arange(n)), certainty)


def _of_pairs(name: str, pairs: Pairs, certainty: Certainty) -> GateTest:
    return judge_difference("arm", METRICS[name], pairs, MARGIN, certainty, is_pass_fail=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How one pair of runs came out."""

    fixed: str
    sequential: str
    asked: int
    asked_on: str
    """Of the looks, were the runs that are out of reach asked on."""


def judged(case: Case, seed: int) -> Found:
    """Judge one pair at the end and look by look."""
    rng = np.random.default_rng([20261130, seed])
    sides, least = drawn(case, rng), case.n // case.a_document
    fixed = tested(case, sides, case.n, Certainty(min_n=least)).state
    stopped: tuple[str, Look] | None = None
    for look in looks_at(case.n):
        result = at_look(tested(case, sides, look.asked, look.certainty(least)), look)
        is_futile = any(test.is_futile for test in result.tests)
        if stopped is None and (has_decided(result) or look.is_last):
            stopped = (REACHED if is_futile else result.state), look
        if result.state != LEFT or look.is_last:
            break
    assert stopped is not None
    return Found(fixed=fixed, sequential=stopped[0], asked=stopped[1].asked, asked_on=result.state)


def main() -> None:
    """Judge all cases and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=10_000, help="pairs of runs a row")
    arguments.add_argument("--processes", type=int, default=None, help="at once; one for each core when left out")
    given = arguments.parse_args()
    started, found = time.perf_counter(), {}
    with ProcessPoolExecutor(given.processes) as pool:
        for case in CASES:
            found[case] = list(pool.map(partial(judged, case), range(given.pairs), chunksize=50))
            print(f"{time.perf_counter() - started:5.0f} s  {case}", flush=True)
            PAGE.write_text("\n".join(page(found, given.pairs)) + "\n", encoding="utf-8")


def _cells(found: list[Found]) -> Iterator[str]:
    fixed, stopped, asked_on = (
        Counter(getattr(one, name) for one in found) for name in ("fixed", "sequential", "asked_on")
    )
    for counts, state in (
        *((fixed, "pass"), (stopped, "pass"), (fixed, "block"), (asked_on, "block")),
        *((stopped, "block"), (stopped, REACHED)),
    ):
        yield f"{100 * counts[state] / len(found):.1f} %"


def page(found: Mapping[Case, list[Found]], pairs: int) -> Iterator[str]:
    """Yield the lines of `docs/sequential.md`."""
    looks = looks_at(300)
    yield f"""# Sequential gate

Generated by `python -m benchmarks.sequential`; do not edit. `docmind gate --sequential` ([compare.md](compare.md))
looks at the candidate after {", ".join(f"{100 * fraction:.0f}" for fraction in FRACTIONS[:-1])} and 100 % of its \
queries. A look passes or blocks by the same rules as the
gate without looks, but requires stronger evidence:

| look | queries of 300 | z of a pass | z of a block |
|---|---|---|---|"""
    for look in looks:
        yield f"| {look.number} | {look.asked} | {look.pass_z:.3f} | {look.block_z:.3f} |"
    yield f"""
The error rates, one-sided 5 % and 2.5 % over all looks, are spent with O'Brien–Fleming boundaries (Lan & DeMets 1983);
without looks, the z values are 1.645 and 1.960. A look also stops a candidate that has less than a
{100 * FUTILE_BELOW:.0f} % chance to pass even if it loses nothing in the remaining queries: *out of reach*, exit code
11. The boundaries don't rely on that stop.

## Results and savings

Each row has {pairs:,} pairs of runs, with the default metrics and margins. Without a change, 12 % of the queries
differ in whether they pass, and the log of the token ratio has a standard deviation of 0.25. *Per document* is the
number of queries about one document, which share 20 % of the variance. *At the end* is the gate without looks over all
n queries.

| truth | n | per document | pass, at the end | pass, looks | block, at the end | block, looks continued | \
block, looks | out of reach | queries saved |
|---|---|---|---|---|---|---|---|---|---|"""
    for case, rows in found.items():
        saved = 1.0 - sum(one.asked for one in rows) / len(rows) / case.n
        yield (f"| {case.shown} | {case.n} | {case.a_document} | {' | '.join(_cells(rows))} | {100 * saved:.0f} % |")
    yield from _errors(found)


def _errors(found: Mapping[Case, list[Found]]) -> Iterator[str]:
    yield """
*Continued*: the result if candidates that are out of reach were not stopped, with all looks.

## Errors over all looks (aim: at most 5 %)

| truth | n | per document | wrong verdict | share | 95 % interval | continued |
|---|---|---|---|---|---|---|"""
    for case, rows in found.items():
        is_equal = case.passes == case.tokens == 0.0
        is_at_margin = MARGIN in (-case.passes, case.tokens)
        if not (is_equal or is_at_margin):
            continue
        wrong = "block" if is_equal else "pass"
        count, asked_on = (sum(getattr(one, name) == wrong for one in rows) for name in ("sequential", "asked_on"))
        low, high = wilson_interval(count, len(rows)) or (0.0, 1.0)
        share = f"{100 * count / len(rows):.2f} % | {100 * low:.2f} to {100 * high:.2f} %"
        share += f" | {100 * asked_on / len(rows):.2f} %"
        yield f"| {case.shown} | {case.n} | {case.a_document} | {wrong} | {share} |"


if __name__ == "__main__":
    main()
