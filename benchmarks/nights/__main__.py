"""Simulate nightly runs and what the rules against a pinned baseline say of them; write `docs/nights.md`.

python -m benchmarks.nights [--series 1000]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.statistics.designs import layout
from docmind_core.measurements.nights import judge
from docmind_core.statistics.shares import wilson_interval

PAGE = Path(__file__).resolve().parents[2] / "docs" / "nights.md"
NIGHTS, QUIET_QUERIES, QUERIES = 200, 100, 300
WITHIN = 3
SD_LOG_TOKENS = 0.18
"""Of one query from night to night; the log ratio of two nights has 0.25."""
SHARED = 0.2
"""Share of that variance that the queries about one document have in common in a night."""

Values = NDArray[np.float64]
Night = Callable[[float], Values]
"""Draws the values of one night, larger is worse, with a change of a given size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of series."""

    metric: str
    structure: str
    change: float = 0.0
    """Log ratio of tokens, or share of the queries lost."""
    begins: int | None = None
    """Night of the change; None without one."""


QUIET = tuple(
    Case(metric=metric, structure=structure) for metric in ("tokens", "passes") for structure in ("independent", "Zipf")
)
CHANGED = tuple(
    Case(metric=metric, structure="independent", change=change, begins=begins)
    for metric, change in (
        ("tokens", float(np.log(1.05))),
        ("tokens", float(np.log(1.1))),
        ("passes", 0.05),
        ("passes", 0.1),
    )
    for begins in (1, 10, 50)
)


def night_of(case: Case, clusters: NDArray[np.int64], rng: np.random.Generator) -> Night:
    """Return how the nights of one series are drawn."""
    n = len(clusters)

    def noise() -> Values:
        shared = rng.normal(0.0, SHARED**0.5, int(clusters.max()) + 1)[clusters]
        return shared + rng.normal(0.0, (1.0 - SHARED) ** 0.5, n)

    if case.metric == "tokens":
        usual = rng.normal(7.0, 0.5, n)
        return lambda change: usual + SD_LOG_TOKENS * noise() + change
    # Half of the queries always pass or always fail, the others do so at random: two nights differ in 12 %.
    chance = np.where(rng.random(n) < 0.36, rng.beta(1.0, 1.0, n), (rng.random(n) < 0.7).astype(float))

    def passes(change: float) -> Values:
        passed = special.ndtr(noise()) < chance
        return -(passed & (rng.random(n) >= change / max(float(chance.mean()), change))).astype(float)

    return passes


def first_alarm(case: Case, seed: int) -> int | None:
    """Return the night on which a series is first called worse; None when it never is."""
    rng = np.random.default_rng([20261130, seed])
    n = QUIET_QUERIES if case.begins is None else QUERIES
    clusters = np.unique(layout(case.structure, n, rng), return_inverse=True)[1]
    draw = night_of(case, clusters, rng)
    nights = NIGHTS if case.begins is None else case.begins + WITHIN - 1
    values = [draw(0.0)]
    values += [draw(case.change if case.begins and night >= case.begins else 0.0) for night in range(1, nights + 1)]
    return judge(np.array(values), clusters).first_alarm


def main() -> None:
    """Simulate all cases and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--series", type=int, default=1000, help="series a case")
    series = arguments.parse_args().series
    started = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        found = {}
        for case in (*QUIET, *CHANGED):
            found[case] = list(pool.map(partial(first_alarm, case), range(series), chunksize=10))
            print(f"{time.perf_counter() - started:5.0f} s  {case}", flush=True)
    PAGE.write_text("\n".join(page(found, series)) + "\n", encoding="utf-8")


def page(found: dict[Case, list[int | None]], series: int) -> Iterator[str]:
    """Yield the lines of `docs/nights.md`."""
    yield f"""# Nights against a pinned baseline

Made by `python -m benchmarks.nights`; do not edit. {series:,} series a row, judged night by night as the alerts
`quality_worse` and `tokens_worse` are ([alerts.md](alerts.md)). Tokens of a query vary from night to night with a
standard deviation of the log of {SD_LOG_TOKENS}; of two nights about 12 % of the queries differ in whether they pass.
Queries about one document share 20 % of that variance; *Zipf*: query k of a document with a chance proportional to 1/k.

## Without a change: series with a false alarm in {NIGHTS} nights of {QUIET_QUERIES} queries (aim: at most 5 %)

| metric | queries | false alarm | 95 % interval |
|---|---|---|---|"""
    for case in QUIET:
        alarms = sum(night is not None for night in found[case])
        low, high = wilson_interval(alarms, series) or (0.0, 1.0)
        shown = f"{100 * alarms / series:.1f} % | {100 * low:.1f} to {100 * high:.1f} %"
        yield f"| {case.metric} | {case.structure} | {shown} |"
    yield f"""
## With a change, {QUERIES} queries

Aim: 10 % more tokens are found in the first night, 10 points fewer passes within {WITHIN} nights in 80 % of the series.

| metric | change | begins in night | found in the first night | within {WITHIN} nights | alarm before |
|---|---|---|---|---|---|"""
    for case in CHANGED:
        change = (
            f"{100 * np.expm1(case.change):+.0f} %" if case.metric == "tokens" else f"-{100 * case.change:.0f} points"
        )
        begins = case.begins or 1
        counts = [
            sum(night is not None and night < begins for night in found[case]),
            sum(night == begins for night in found[case]),
            sum(night is not None and night >= begins for night in found[case]),
        ]
        before, first, within = (f"{100 * count / series:.1f} %" for count in counts)
        yield f"| {case.metric} | {change} | {begins} | {first} | {within} | {before} |"


if __name__ == "__main__":
    main()
