"""The runs of one suite and arm since their pinned baseline, and whether they have become worse; `metrics.md` §13."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_reading import read_arm_values
from docmind_core.measurements.arm_values import ArmValues, Marks, Numbers
from docmind_core.runs.keys import suite_of
from docmind_core.settings import Settings
from docmind_core.statistics.clusters import connected_components
from docmind_core.statistics.evidence import Evidence, collected, log_payoffs
from docmind_core.tables.baselines import Baseline
from docmind_core.tables.reading import query_segments

PASSED, BILLED = "passed", "billed_tokens"
WORST_MAX = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Nights:
    """A baseline and the comparable runs after it, oldest first."""

    runs: tuple[ArmValues, ...]

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """Cluster of each query of the baseline."""
        return connected_components(self.runs[0].traits())

    def values(self, metric: str) -> Numbers:
        """Return one row per run and one column per query of the baseline; larger is worse.

        Tokens on logs, of the queries that a run answered itself; of `passed` the sign is turned.
        """
        return np.array([_of_baseline_queries(self.runs[0], run, metric) for run in self.runs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a series says after its last run."""

    is_worse: bool
    """Whether the runs have become worse than before and nothing proves yet that they have recovered."""
    evidence: float
    """E-process of the question that is open: has it become worse, or, while it is worse, has it recovered."""
    first_bad: int | None
    """Place of the run that the change began with, while it is worse; 0 is the baseline."""
    first_alarm: int | None
    """Place of the first run at which the series was called worse, recovered or not."""
    decided_by: float | None
    """E-process by which the last run changed the verdict, `EVIDENCE_MIN` or more; None where it did not."""


def judge(values: Numbers, clusters: NDArray[np.int64]) -> Judgement:
    """Judge the runs in order: worse once the evidence suffices, recovered once the opposite evidence does.

    After a recovery the good runs before the change, and those from the recovery on, are the new reference.

    Args:
        values: One row per run, the baseline first; larger is worse.
        clusters: Cluster of each query.
    """
    good, bad, payoffs = [0], list[int](), list[Numbers]()
    found, first_alarm, decided_by = Evidence(value=1.0, changed_at=None), None, None
    for place in range(1, len(values)):
        sign, known = (-1.0, bad) if bad else (1.0, good)
        known.append(place)
        payoffs.append(log_payoffs(sign * values[known], clusters))
        found = collected(payoffs)
        decided_by = None if found.changed_at is None else found.value
        if found.changed_at is None:
            continue
        before = len(known) - len(payoffs)
        cut = before + found.changed_at - 1
        if bad:
            good, bad = [*good, *bad[cut:]], []
        else:
            good, bad = good[:cut], good[cut:]
            first_alarm = first_alarm or place
        payoffs, found = [], Evidence(value=1.0, changed_at=None)
    return Judgement(
        is_worse=bool(bad),
        evidence=found.value,
        first_bad=bad[0] if bad else None,
        first_alarm=first_alarm,
        decided_by=decided_by,
    )


def read_nights(settings: Settings, baseline: Baseline, run_id: str) -> Nights | None:
    """Read the runs from a baseline to a run; None where the two are not of one series.

    A run that was resumed with changed code, or that has not finished, is left out.
    """
    names = sorted(path.name.removesuffix(".parquet") for path in (settings.tables / "runs").glob("*.parquet"))
    ids = [name for name in names if _series_of(name) == _series_of(baseline.run_id)]
    sql = (
        "select run_id from runs where status = 'finished' and comparable is distinct from false "
        "and series_key = (select series_key from runs where run_id = $baseline) "
        "order by run_number nulls first, started_at, run_id"
    )
    _, rows = query_segments(settings.tables, ids, sql, {"baseline": baseline.run_id}, tables=("runs",))
    found = [str(row[0]) for row in rows]
    if baseline.run_id not in found or run_id not in found[found.index(baseline.run_id) + 1 :]:
        return None
    kept = found[found.index(baseline.run_id) : found.index(run_id) + 1]
    return Nights(runs=tuple(read_arm_values(settings.tables, one, (PASSED,), unscored=True) for one in kept))


def worst_queries(nights: Nights, metric: str) -> tuple[str, ...]:
    """Return the queries that the last run is furthest above the baseline in, worst first, five at most."""
    values = nights.values(metric)
    rises = np.where(np.isfinite(values[-1] - values[0]), values[-1] - values[0], -np.inf)
    order = [int(place) for place in np.argsort(-rises, kind="stable")[:WORST_MAX] if rises[place] > 0]
    return tuple(nights.runs[0].queries[place] for place in order)


def _series_of(run_id: str) -> tuple[str, str]:
    """Return suite and arm in a run id."""
    key, _, arm = run_id.partition(".")
    return suite_of(key), arm


def _of_baseline_queries(baseline: ArmValues, run: ArmValues, metric: str) -> Numbers:
    found = np.full(len(baseline.queries), np.nan)
    if metric == PASSED:
        own = -run.score(PASSED).values
    else:
        billed = run.column(BILLED).values
        usable: Marks = (billed > 0) & (run.good == 1.0)
        own = np.where(usable, np.log(np.where(usable, billed, 1.0)), np.nan)
    for place, query in enumerate(baseline.queries):
        if query in run.place_of:
            found[place] = own[run.place_of[query]]
    return found
