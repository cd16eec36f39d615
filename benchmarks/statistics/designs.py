"""How the simulated queries depend on each other, and what they cost and score; the truth is known of each figure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]

SIZES = (8, 20, 40, 100, 300)
STRUCTURES = (
    "independent",
    "5 per document",
    "Zipf",
    "one document = half",
    "loops 5 % × 6",
    "one-sided losses",
)
SHARED = 0.2
"""Intraclass correlation: the share of a query's variance that it has in common with the queries about its document."""
SD_LOG_RATIO, SD_LOG_TOKENS, SD_SCORE = 0.25, 0.5, 0.3
LOOPS, LOOP_FACTOR = 0.05, 6.0
MARGIN = 0.05
DRAWS_PER_LAYOUT = 5
"""Data sets that share one Zipf layout of the documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One simulated comparison of two runs."""

    clusters: NDArray[np.int64]
    log_ratios: Values
    """Of tokens; the mean is 0 in truth."""
    baseline: Values
    candidate: Values
    ratio_of_totals: float
    """The truth, of the candidate over the baseline."""
    passes: Values
    pass_ratio: float
    per_pass: float
    """The truth of tokens per correct answer."""
    equal: Values
    """Differences of passes where none is better."""
    unequal: Values
    """Differences of passes with a difference of `gain` in truth."""
    gain: float
    inferior: Values
    """Differences of passes where the candidate is worse by exactly the margin."""
    scores: Values
    """Differences of a score such as token F1, 0 in truth."""
    seconds: Values
    p95: float


def layout(structure: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the document of each query."""
    if structure == "5 per document":
        return np.arange(n) // 5
    if structure == "one document = half":
        return np.where(np.arange(n) < n // 2, 0, np.arange(n))
    if structure == "Zipf":
        weights = 1.0 / np.arange(1, max(n // 2, 2) + 1)
        return np.sort(rng.choice(len(weights), size=n, p=weights / weights.sum()))
    return np.arange(n)


def data_sets(structure: str, n: int, count: int, rng: np.random.Generator) -> Iterator[DataSet]:
    """Draw `count` data sets of `n` queries each."""
    clusters = layout(structure, n, rng)
    for place in range(count):
        if structure == "Zipf" and place % DRAWS_PER_LAYOUT == 0:
            clusters = layout(structure, n, rng)
        yield _data_set(structure, np.unique(clusters, return_inverse=True)[1], rng)


def _data_set(structure: str, clusters: NDArray[np.int64], rng: np.random.Generator) -> DataSet:
    def normal() -> Values:
        shared = rng.normal(0.0, SHARED**0.5, int(clusters.max()) + 1)[clusters]
        return shared + rng.normal(0.0, (1.0 - SHARED) ** 0.5, len(clusters))

    def pairs(gains: float, losses: float) -> Values:
        place = special.ndtr(normal())
        return (place > 1.0 - gains).astype(float) - (place < losses).astype(float)

    looping = rng.random(len(clusters)) < (LOOPS if structure == "loops 5 % × 6" else 0.0)
    loops = LOOPS if structure == "loops 5 % × 6" else 0.0
    log_ratios = SD_LOG_RATIO * normal() + np.log(LOOP_FACTOR) * (looping - loops)
    baseline = np.exp(7.0 + SD_LOG_TOKENS * normal())
    ratio = float(np.exp(SD_LOG_RATIO**2 / 2 - loops * np.log(LOOP_FACTOR)) * (1 - loops + loops * LOOP_FACTOR))
    mean_tokens = float(np.exp(7.0 + SD_LOG_TOKENS**2 / 2)) * ratio
    is_one_sided = structure == "one-sided losses"
    pass_ratio, either = rng.uniform(0.5, 0.95), rng.uniform(0.02, 0.15)
    gains, losses = (0.0 if is_one_sided else rng.uniform(0.02, 0.15)), rng.uniform(0.02, 0.15)
    inferior = 0.0 if is_one_sided else rng.uniform(0.02, 0.10)
    return DataSet(
        clusters=clusters,
        log_ratios=log_ratios,
        baseline=baseline,
        candidate=baseline * np.exp(log_ratios),
        ratio_of_totals=ratio,
        passes=(special.ndtr(normal()) < pass_ratio).astype(float),
        pass_ratio=pass_ratio,
        per_pass=mean_tokens / pass_ratio,
        equal=pairs(either, either),
        unequal=pairs(gains, losses),
        gain=gains - losses,
        inferior=pairs(inferior, inferior + MARGIN),
        scores=np.clip(SD_SCORE * normal(), -1.0, 1.0),
        seconds=np.exp(0.5 * normal()),
        p95=float(np.exp(0.5 * special.ndtri(0.95))),
    )
