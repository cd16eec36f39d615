"""The page that the simulation writes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.statistics.designs import LOOP_FACTOR, LOOPS, SHARED, SIZES, STRUCTURES

COVERAGE = (92.5, 97.5)
ERROR_MAX = 6.0
MARKED = "loops 5 % × 6"
MARKED_BELOW = 100
SHOWN_MIN = 0.5
"""Least share of the data sets that something was said of, for a figure."""

HEAD = f"""# What the statistics hold

Made by `python -m benchmarks.statistics`; do not edit. The functions are those of `docmind_core/statistics`, called
as a comparison calls them.

{{count:,}} data sets a cell, seed {{seed}}: a true 95 % shows as {{low:.1f}} to {{high:.1f}} %. Queries about one
document share {100 * SHARED:.0f} % of their variance. *5 per document*; *Zipf*: each query is about document k with a
chance proportional to 1/k, half as many documents as queries; *one document = half* of the queries, the others alone;
*loops*: {100 * LOOPS:.0f} % of the candidate's queries cost {LOOP_FACTOR:.0f} times as much; *one-sided losses*: no
query is gained. The last two are independent queries. Tokens are lognormal (standard deviation of the log 0.5, of the
log ratio 0.25). What is yes or no has its ratio drawn for each data set: passing from 0.5 to 0.95, gains and losses
from 0.02 to 0.15 each (in the non-inferiority row gains to 0.10), since at one fixed ratio the coverage jumps with n.

Aim: coverage of a 95 % interval from {COVERAGE[0]} to {COVERAGE[1]} %, errors at most {ERROR_MAX:.0f} %. `·` marks
loops below n = {MARKED_BELOW}, where no interval knows what it has not seen: no token claim is made there. **Bold** is
outside the aim. `–`: no interval, too few queries or clusters.

| need | estimator |
|---|---|
| mean, mean difference, mean log ratio | CR2 standard error, Bell and McCaffrey's degrees of freedom, t interval |
| difference of passes | Tango's score interval; McNemar's exact p, and 0 is in the interval where it does not reject |
| the same, clustered or with replicates | the same score with n / deff pairs, and t instead of the normal; its own p |
| share | Wilson, exact binomial test; clustered: Wilson with n / deff and t, and the test that it inverts |
| ratio of sums | delta method on the log, CR2 or leave-one-cluster-out; independent: widened for skew (Hall) |
| percentile | order statistics of one value per query; clustered: of the effective n (Korn and Graubard) |
"""

Cells = Mapping[tuple[str, int], "Tally"]


@dataclass(slots=True)
class Tally:
    """How often something was said, and how often it held."""

    said: int = 0
    held: int = 0

    def add(self, held: bool) -> None:
        """Count one data set."""
        self.said += 1
        self.held += held

    @property
    def percent(self) -> float:
        """How often it held, of the data sets in which it was said."""
        return 100.0 * self.held / self.said


def page(coverage: Mapping[str, Cells], errors: Mapping[str, Cells], count: int, seed: int) -> str:
    """Return the text of `docs/statistics.md`."""
    spread = 196 * (0.95 * 0.05 / count) ** 0.5
    lines = [HEAD.format(count=count, seed=seed, low=95 - spread, high=95 + spread)]
    lines += ["## Coverage of the 95 % interval, %", *_tables(coverage, count, *COVERAGE)]
    lines += ["## Errors of the verdicts, %", *_tables(errors, count, 0.0, ERROR_MAX)]
    lines += ["## Outside the aim", *_outside(coverage, errors, count)]
    return "\n".join(lines) + "\n"


def _tables(found: Mapping[str, Cells], count: int, low: float, high: float) -> Iterator[str]:
    for name, cells in found.items():
        yield f"\n| {name} | " + " | ".join(f"n = {n}" for n in SIZES) + " |"
        yield "|---|" + "---|" * len(SIZES)
        for structure in STRUCTURES:
            shown = [_text(structure, n, cells[structure, n], count, low, high) for n in SIZES]
            yield f"| {structure} | " + " | ".join(shown) + " |"
    yield ""


def _text(structure: str, n: int, tally: Tally, count: int, low: float, high: float) -> str:
    if tally.said < SHOWN_MIN * count:
        return "–"
    text = f"{tally.percent:.1f}"
    if _is_marked(structure, n):
        return f"{text}·"
    return text if low <= tally.percent <= high else f"**{text}**"


def _is_marked(structure: str, n: int) -> bool:
    return structure == MARKED and n < MARKED_BELOW


def _outside(coverage: Mapping[str, Cells], errors: Mapping[str, Cells], count: int) -> Iterator[str]:
    bounds = ((coverage, *COVERAGE), (errors, 0.0, ERROR_MAX))
    found = [
        (name, structure, n, tally.percent, "too low" if tally.percent < low else "too high")
        for cells_of, low, high in bounds
        for name, cells in cells_of.items()
        for (structure, n), tally in cells.items()
        if tally.said >= SHOWN_MIN * count and not _is_marked(structure, n) and not low <= tally.percent <= high
    ]
    wide = [case for case in found if case[0] in coverage and case[4] == "too high"]
    harmful = [case for case in found if case not in wide]
    yield (
        f"\n{len(found)} cells. {len(wide)} of them are intervals wider than they need be: counts jump, and the "
        "interval\nof a handful of yes and no answers, or of few clusters, holds more than 95 % at one count to hold "
        "95 % at the\nnext. The others:\n"
    )
    for name, structure, n, percent, side in harmful:
        yield f"- {name}; {structure}, n = {n}: {percent:.1f} %, {side}"
    if not harmful:
        yield "- none"
