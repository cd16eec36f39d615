"""The page that the simulation writes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.statistics.designs import LOOP_FACTOR, LOOPS, SHARED, SIZES, STRUCTURES
from docmind_core.measurements.verdicts import TAIL_CLUSTERS_MIN

COVERAGE = (92.5, 97.5)
ERROR_MAX = 6.0
MARKED = "loops 5 % × 6"
MARKED_BELOW = 100
WIDE_UP_TO = 40
"""Queries up to which an interval of yes and no answers may hold more than it need."""
YES_OR_NO = ("pass_ratio", "difference of pass ratios")
SHOWN_MIN = 0.5
"""Least share of the data sets that something was said of, for a figure."""

HEAD = f"""# What the statistics hold

Made by `python -m benchmarks.statistics`; do not edit. The functions are those of `docmind_core/statistics`, called
as a comparison calls them; verdicts are those that `comparisons` would show.

{{count:,}} data sets a cell, seed {{seed}}: a true 95 % shows as {{low:.1f}} to {{high:.1f}} %. Queries about one
document share {100 * SHARED:.0f} % of their variance. *5 per document*; *Zipf*: each query is about document k with a
chance proportional to 1/k, half as many documents as queries; *one document = half* of the queries, the others alone;
*loops*: {100 * LOOPS:.0f} % of the candidate's queries cost {LOOP_FACTOR:.0f} times as much; *one-sided losses*: no
query is gained. The last two are independent queries. Tokens are lognormal (standard deviation of the log 0.5, of the
log ratio 0.25). What is yes or no has its ratio drawn for each data set: passing from 0.5 to 0.95, gains and losses
from 0.02 to 0.15 each (in the non-inferiority row gains to 0.10), since at one fixed ratio the coverage jumps with n.

Aim: coverage of a 95 % interval from {COVERAGE[0]} to {COVERAGE[1]} %, errors of a verdict at most {ERROR_MAX:.0f} %.
A verdict that reads whether an interval excludes 0 errs in what its coverage leaves to 100: those of tokens and scores
are not listed again. `·`: loops below n = {MARKED_BELOW}, where no interval knows what it has not seen: no token claim
is made below {TAIL_CLUSTERS_MIN} independent queries. `↑`: wider than it need be, a handful of yes and no answers; see
the end. **Bold**: outside the aim. `–`: no interval or no verdict, too few queries or clusters.

| need | estimator |
|---|---|
| mean, mean difference, mean log ratio | CR2 standard error, Bell and McCaffrey's degrees of freedom, t interval |
| difference of passes | Tango's score interval; McNemar's exact p, and 0 is in the interval where it does not reject |
| the same, clustered or with replicates | the same score with n / deff pairs, and t instead of the normal; its own p |
| share | Wilson, exact binomial test; clustered: Wilson with n / deff and t, and the test that it inverts |
| ratio of sums | delta method on the log, CR2 or leave-one-cluster-out; independent: widened for skew (Hall) |
| percentile | order statistics of one value per query; clustered: of the effective n (Korn and Graubard) |
"""

WIDE = """{wide} cells are marked `↑`. With eight pairs of which 2 to 15 % differ either way, one data set in four
has no difference at all, and in most others one or two pairs differ: an interval around so few counts either misses the
truth too often or almost never. Tango's and Wilson's score intervals are about as narrow as intervals get that don't
miss it too often; Bonett and Price's is wider. They err on the safe side: nothing is called better or worse that isn't.

Outside the aim, in the unsafe direction:
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
            shown = [
                _text(name, structure, n, cells[structure, n], (low, high))
                if cells[structure, n].said >= SHOWN_MIN * count
                else "–"
                for n in SIZES
            ]
            yield f"| {structure} | " + " | ".join(shown) + " |"
    yield ""


def _text(name: str, structure: str, n: int, tally: Tally, aim: tuple[float, float]) -> str:
    text = f"{tally.percent:.1f}"
    if _is_marked(structure, n):
        return f"{text}·"
    if aim[0] <= tally.percent <= aim[1]:
        return text
    return f"{text}↑" if _is_wide(name, n, tally.percent, aim[1]) else f"**{text}**"


def _is_marked(structure: str, n: int) -> bool:
    return structure == MARKED and n < MARKED_BELOW


def _is_wide(name: str, n: int, percent: float, high: float) -> bool:
    return name.startswith(YES_OR_NO) and n <= WIDE_UP_TO and percent > high


def _outside(coverage: Mapping[str, Cells], errors: Mapping[str, Cells], count: int) -> Iterator[str]:
    bounds = ((coverage, *COVERAGE), (errors, 0.0, ERROR_MAX))
    found = [
        (_is_wide(name, n, tally.percent, high), f"{name}; {structure}, n = {n}: {tally.percent:.1f} %")
        for cells_of, low, high in bounds
        for name, cells in cells_of.items()
        for (structure, n), tally in cells.items()
        if tally.said >= SHOWN_MIN * count and not _is_marked(structure, n) and not low <= tally.percent <= high
    ]
    harmful = [text for is_wide, text in found if not is_wide]
    yield "\n" + WIDE.format(wide=len(found) - len(harmful))
    yield from [f"- {text}" for text in harmful] or ["None."]
