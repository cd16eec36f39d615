"""Rules of kind `paired`: the runs since the pinned baseline, query by query, on metrics without a clock."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import expm1

import numpy as np

from docmind_core.alerts.evaluation import Evaluation
from docmind_core.alerts.lifecycle import BAD, BAND, NO_DATA, OK
from docmind_core.alerts.rules import LEARNING, PAIRED_RULES, QUALITY_WORSE, TOKENS_WORSE, AlertRule
from docmind_core.errors import StoreError
from docmind_core.measurements.arm_values import Numbers
from docmind_core.measurements.nights import BILLED, PASSED, Nights, judge, read_nights, worst_queries
from docmind_core.measurements.noise_floor import read_floors
from docmind_core.metrics.signs import signed
from docmind_core.reports.text_safety import shortened
from docmind_core.runs.keys import benchmark_run_of
from docmind_core.runs.run_differences import condition_differences, origin_differences
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.evidence import EVIDENCE_MIN
from docmind_core.statistics.pairs import mean_difference
from docmind_core.suites.suite import Suite
from docmind_core.tables.baselines import Baseline, read_baselines
from docmind_core.tables.segments import read_segment, run_ids_of

CHANGED_CHARACTERS, WORST_CHARACTERS = 240, 120
"""What a message holds of them, so that the command that shows the rest is always in it."""
QUIET_NIGHTS = 5
"""Runs in a row without an alarm after which a metric may alert; one A/A does as well."""
_METRICS = {QUALITY_WORSE.rule_id: PASSED, TOKENS_WORSE.rule_id: BILLED}


def paired_evaluations(
    settings: Settings, benchmark_run: str, suite: Suite, inhibited_by: Callable[[AlertRule], str | None]
) -> Iterator[Evaluation]:
    """Evaluate the paired rules of each arm that has a pinned baseline; on the baseline itself there is nothing to say.

    Args:
        settings: The home.
        benchmark_run: Its key.
        suite: What it ran.
        inhibited_by: Which rule suppresses one; None if none does.

    Raises:
        StoreError: If segments can't be read.
    """
    for baseline in suite_baselines(settings, suite.name):
        run_id = f"{benchmark_run}.{baseline.arm}"
        if baseline.run_id == run_id:
            continue
        nights = read_nights(settings, baseline, run_id)
        unknown = None if nights else _not_comparable(settings, baseline, run_id)
        for rule in PAIRED_RULES:
            found = Evaluation(
                rule=rule,
                labels={"suite": suite.name, "arm": baseline.arm},
                run_id=run_id,
                outcome=NO_DATA,
                reason=unknown,
                evidence={"baseline": baseline.run_id},
            )
            if suppressed := inhibited_by(rule):
                yield replace(found, reason=f"inhibited by {suppressed}", inhibited_by=suppressed)
            elif nights is None:
                yield found
            else:
                floor = read_floors(settings, run_id).get(_METRICS[rule.rule_id])
                yield _judged(found, nights, is_known=floor is not None and floor.is_quiet)


def suite_baselines(settings: Settings, suite: str) -> tuple[Baseline, ...]:
    """Return the pinned baselines of a suite; none where the file can't be read: `docmind baseline list` says why."""
    try:
        return tuple(one for one in read_baselines(settings) if one.suite == suite)
    except StoreError:
        return ()


def _not_comparable(settings: Settings, baseline: Baseline, run_id: str) -> str:
    if run_id not in run_ids_of(settings.tables, benchmark_run_of(run_id)):
        return "this benchmark run has no such arm"
    rows = [read_segment(settings.tables, "runs", one) for one in (baseline.run_id, run_id)]
    if not rows[0]:
        return (
            f"the pinned baseline {baseline.run_id} no longer exists. "
            "Pin another: docmind baseline pin RUN --reason WHY"
        )
    differ = "; ".join(found.text for found in condition_differences(rows[0][0], rows[1][0]))
    return f"not comparable with the baseline: {differ or 'one of the runs is unfinished or was resumed with changes'}"


def _judged(found: Evaluation, nights: Nights, *, is_known: bool) -> Evaluation:
    """Judge one series; `is_known` says that an A/A has shown what moves its metric by chance."""
    metric = _METRICS[found.rule.rule_id]
    values = nights.values(metric)
    estimate = _rise(values, nights, metric)
    if estimate.n == 0:
        return replace(found, reason="no query has a value in both this run and the baseline")
    judged = judge(values, nights.clusters)
    evidence = {**found.evidence, "runs": len(values), "e_value": judged.decided_by or judged.evidence}
    shown = f"{_shown(metric, estimate)} compared with the baseline, n {estimate.n}"
    proof = "" if judged.decided_by is None else f", evidence {judged.decided_by:.3g} ({EVIDENCE_MIN:g} needed)"
    quiet = (judged.first_alarm or len(values)) - 1
    if quiet < QUIET_NIGHTS and not is_known:
        because = f"{LEARNING}: {quiet} of {QUIET_NIGHTS} quiet runs since the baseline"
        state = "it looks worse, but no alert is raised yet" if judged.is_worse else "nothing looks worse"
        now = f"to start alerting now: docmind bench {found.labels['suite']} --aa {found.labels['arm']}"
        # Of what fires against an earlier baseline, this one says that it was accepted.
        outcome = NO_DATA if judged.is_worse else OK
        reason = f"{because}; {state}; {now}; {shown}"
        return replace(found, outcome=outcome, reason=reason, estimate=estimate, evidence=evidence)
    if judged.first_bad is None:
        reason = f"{shown}{proof}; baseline {nights.runs[0].run_id}"
        return replace(found, outcome=OK, reason=reason, estimate=estimate, evidence=evidence)
    worst = worst_queries(nights, metric)
    bad, before = nights.runs[judged.first_bad], nights.runs[judged.first_bad - 1]
    changed = "; ".join(one.text for one in origin_differences(before.row, bad.row)) or "nothing recorded"
    parts = [
        f"{shown}{proof}",
        f"first bad run {bad.run_id}; changes in it: {shortened(changed, characters=CHANGED_CHARACTERS)}",
        *([f"worst queries: {shortened(', '.join(worst), characters=WORST_CHARACTERS)}"] if worst else []),
        f"docmind compare {nights.runs[-1].run_id} baseline",
    ]
    return replace(
        found,
        outcome=BAND if judged.evidence > 1.0 else BAD,  # above 1 it may have recovered
        reason="; ".join(parts),
        estimate=estimate,
        evidence={**evidence, "first_bad_run": bad.run_id, "changed": changed, "worst_queries": list(worst)},
    )


def _rise(values: Numbers, nights: Nights, metric: str) -> Estimate:
    """Estimate the last run against the baseline: points of `passed`, or the mean log ratio of tokens."""
    differences = values[-1] - values[0]
    known = np.isfinite(differences)
    clusters = nights.clusters[known]
    if metric == PASSED:
        return mean_difference(-differences[known], clusters)
    return clustered_mean(differences[known], clusters)


def _shown(metric: str, estimate: Estimate) -> str:
    def shown(value: float | None) -> str:
        return signed(value if value is None else 100 * (value if metric == PASSED else expm1(value)), "+.1f")

    what = "points passed" if metric == PASSED else "% billed tokens"
    return f"{shown(estimate.value)} {what} ({shown(estimate.low)} to {shown(estimate.high)})"
