"""Two finished runs of this home compared: whether they may be, how, and what changed. `metrics.md` §7 and §13."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from docmind_core.errors import DocMindError, UsageError, did_you_mean
from docmind_core.measurements.arm_reading import read_arm_values
from docmind_core.measurements.arm_values import ArmValues
from docmind_core.measurements.comparability import MUST_BE_EQUAL, ledger_states
from docmind_core.measurements.comparing import GATING, QUALITY_METRICS, ClaimRules, compare
from docmind_core.measurements.comparing_arms import is_of_one_benchmark_run, replace_comparisons
from docmind_core.measurements.flipped_queries import FlippedQuery, flipped_queries
from docmind_core.measurements.noise_floor import Floor, read_floors
from docmind_core.measurements.paired import PairedRuns, number, without_queries
from docmind_core.measurements.times import CLOCK_METRICS, compare_clocks
from docmind_core.measurements.verdicts import BETTER, INCONCLUSIVE, MIN_N, NOT_CLAIMABLE, WORSE
from docmind_core.metrics.signs import from_to
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.queries import Query
from docmind_core.runs.arm_row import DECIDED, FINISHED
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.keys import benchmark_run_of
from docmind_core.runs.run_differences import (
    Difference,
    condition_differences,
    conditions_of,
    origin_differences,
    shown_value,
)
from docmind_core.runs.run_names import BASELINE, baseline_of, paired_runs
from docmind_core.settings import Settings
from docmind_core.tables.query_values import read_query_values
from docmind_core.tables.segments import read_segment, run_ids_of

IN_COMMON_MIN = 2
"""Fewest queries of both runs: one pair has no interval."""
FDR_MAX = 0.05
"""Share of false findings that is accepted among the rows that explore."""
GOLD, COMPARABLE, QUERY_SET = "gold", "comparable", "query_set_hash"
"""Fields besides the conditions that two runs may be refused for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """What a candidate says against a baseline."""

    candidate_run_id: str
    baseline_run_id: str
    rows: tuple[Mapping[str, object], ...]
    """Of `comparisons`: the gating metrics first."""
    conditions: tuple[Difference, ...]
    """Conditions that differ: what the comparison is about."""
    origins: tuple[Difference, ...]
    """What a change may come from: commit, prompts, engine version, packages."""
    flips: tuple[FlippedQuery, ...]
    notes: tuple[str, ...]
    """What a reader has to know, one line each."""
    pairs: PairedRuns
    """The values of the rows."""
    rules: ClaimRules
    ledger: Mapping[str, str]
    """State of the ledger by run id."""
    floors: Mapping[str, Floor]
    """What chance moves, by metric, where an A/A has shown it."""


def compare_runs(
    settings: Settings,
    candidate: str,
    baseline: str,
    *,
    allowed: Collection[str] = (),
    store: bool = True,
    asked_alone: bool = False,
) -> RunComparison:
    """Compare two finished runs, and write the rows to `comparisons`.

    Arms of one benchmark run are compared by the asset `token_efficiency`; here they are shown, not written again.

    Args:
        settings: The home.
        candidate: Run id of the run judged.
        baseline: Run id of the run compared against.
        allowed: Fields that may differ, since the comparison is about them.
        store: Whether to write the rows.
        asked_alone: Compare the queries that the candidate was asked, also where a gate stopped it.

    Raises:
        UsageError, StoreError: If the two can't be compared, each reason is named; if a run was not scored.
    """
    runs = [read_segment(settings.tables, "runs", run_id)[0] for run_id in (candidate, baseline)]
    shown = runs[0] | {"status": FINISHED} if asked_alone and runs[0]["status"] == DECIDED else runs[0]
    refuse_other_conditions(shown, runs[1], allowed)
    read = _paired(settings, runs, allowed, asked_alone=asked_alone)
    found = _comparison(settings, runs, read, allowed)
    if store and not is_of_one_benchmark_run({"candidate_run_id": candidate, "baseline_run_id": baseline}):
        replace_comparisons(settings.tables, candidate, found.rows, baseline_run_id=baseline)
    return found


def _comparison(
    settings: Settings, runs: Sequence[Mapping[str, object]], read: tuple[PairedRuns, list[str]], about: Collection[str]
) -> RunComparison:
    pairs, notes = read
    candidate, baseline = (str(run["run_id"]) for run in runs)
    rules = _rules(settings, candidate, frozenset(about) | {"engine_version"})
    ledger = ledger_states(settings.tables, tuple(dict.fromkeys((candidate, baseline))))
    floors = read_floors(settings, candidate)
    rows = _compared(settings, pairs, ledger, rules, floors)
    gold, without = gold_of_run(settings, runs[0])
    return RunComparison(
        candidate_run_id=candidate,
        baseline_run_id=baseline,
        rows=tuple(rows),
        conditions=condition_differences(runs[1], runs[0]),
        origins=origin_differences(runs[1], runs[0]),
        flips=flipped_queries(pairs, gold),
        notes=(*notes, *_plumbing(runs), *without),
        pairs=pairs,
        rules=rules,
        ledger=ledger,
        floors=floors,
    )


def compare_with_baselines(settings: Settings, benchmark_run: str) -> int:
    """Compare each arm with the baseline that is pinned for it, and write the rows; return how many.

    What can't be compared is left out: `refuse_other_conditions` says why, for display.
    """
    count = 0
    for run_id in run_ids_of(settings.tables, benchmark_run):
        # A baseline that is gone or damaged must not cost tonight's run its report.
        with suppress(DocMindError):
            pinned = baseline_of(settings, run_id)
            if pinned is not None and benchmark_run_of(pinned.run_id) != benchmark_run:
                count += len(compare_runs(settings, *paired_runs(settings, run_id, BASELINE)[0]).rows)
    return count


def _paired(
    settings: Settings, runs: Sequence[Mapping[str, object]], allowed: Collection[str], *, asked_alone: bool
) -> tuple[PairedRuns, list[str]]:
    arms = [read_arm_values(settings.tables, str(run["run_id"]), QUALITY_METRICS) for run in runs]
    if asked_alone:
        arms[1] = without_queries(arms[1], set(arms[1].queries) - set(arms[0].queries))
    arms, notes = _of_one_text(arms) if runs[0][QUERY_SET] != runs[1][QUERY_SET] else (arms, [])
    pairs = PairedRuns(candidate=arms[0], baseline=arms[1])
    _refuse_unlike(pairs, allowed)
    return pairs, notes


def _compared(
    settings: Settings, pairs: PairedRuns, ledger: Mapping[str, str], rules: ClaimRules, floors: Mapping[str, Floor]
) -> list[dict[str, object]]:
    arms = pairs.candidate, pairs.baseline
    run_ids = tuple(dict.fromkeys(arm.run_id for arm in arms))  # a run may be compared with itself
    rows = compare(*arms, ledger, rules, in_detail=True)
    values = read_query_values(settings.tables, run_ids, times=CLOCK_METRICS)
    times = compare_clocks(arms[0].row, arms[1].row, *(values[arm.run_id] for arm in arms))
    return [*(_above_noise(row, floors) for row in _without_false_findings(rows)), *times]


def _above_noise(row: dict[str, object], floors: Mapping[str, Floor]) -> dict[str, object]:
    """Call an effect inconclusive that lies within what chance moves; `metrics.md` §14."""
    floor = floors.get(str(row["metric"])) if (row["agent"], row["slice"]) == ("all", "all") else None
    values = number(row["candidate_value"]), number(row["baseline_value"])
    if floor is None or row["verdict"] not in {BETTER, WORSE} or values[0] is None or values[1] is None:
        return row
    if not floor.holds(values[0] - values[1]):
        return row
    because = f"within the noise floor {from_to(floor.low, floor.high, '+.4g')} of {floor.benchmark_run}"
    changed = {**row, "verdict": INCONCLUSIVE, "because": f"{because}; {row['because']}"}
    if row.get("claimable"):
        changed |= {"claimable": False, "claimable_because": f"{NOT_CLAIMABLE}tokens are {because}"}
    return changed


def comparable_fields(run: Mapping[str, object]) -> frozenset[str]:
    """Return the names that `allowed` may have for a run: its conditions, and what else runs are refused for."""
    return frozenset({*conditions_of(run), *MUST_BE_EQUAL, GOLD, COMPARABLE})


def refuse_unknown_fields(settings: Settings, run_id: str, allowed: Collection[str]) -> None:
    """Refuse a name in `allowed` that no run can be refused for.

    Raises:
        UsageError: Naming it, and those that there are.
    """
    known = comparable_fields(read_segment(settings.tables, "runs", run_id)[0])
    if unknown := sorted(set(allowed) - known):
        meant = did_you_mean(unknown[0], known)
        raise UsageError(f"--allow {unknown[0]}: unknown field.{meant} Fields: {', '.join(sorted(known))}")


def refuse_other_conditions(
    candidate: Mapping[str, object], baseline: Mapping[str, object], allowed: Collection[str] = ()
) -> None:
    """Refuse two rows of `runs` that can't be compared.

    Raises:
        UsageError: If a run has not finished, or if they differ in a condition that is not among `allowed`; each is
            named, with both values.
    """
    for run in (candidate, baseline):
        if run["status"] == DECIDED:
            raise UsageError(
                f"run {run['run_id']} was {run['stopped_because']}. A plain interval is not valid for it. "
                f"See its verdict: docmind gate --candidate {run['run_id']}"
            )
        if run["status"] not in {FINISHED, None}:
            raise UsageError(f"run {run['run_id']} is {run['status']}: only finished runs can be compared")
    found = {one.field: one for one in condition_differences(baseline, candidate) if one.field not in allowed}
    problems = [
        f"{name} ({shown_value(one.baseline)} in the baseline, {shown_value(one.candidate)} in the candidate)"
        for name, one in found.items()
    ]
    fields_named = list(found)
    resumed = [str(run["run_id"]) for run in (candidate, baseline) if run["comparable"] is False]
    if resumed and COMPARABLE not in allowed:
        problems.append(f"comparable ({' and '.join(resumed)} was resumed with a changed suite, code or prompt)")
        fields_named.append(COMPARABLE)
    if problems:
        flags = " ".join(f"--allow {name}" for name in fields_named)
        raise UsageError(
            f"{candidate['run_id']} can't be compared with {baseline['run_id']}: they differ in "
            f"{'; '.join(problems)}. If this difference is intended, add {flags}"
        )


def _refuse_unlike(pairs: PairedRuns, allowed: Collection[str]) -> None:
    common = set(pairs.candidate.queries) & set(pairs.baseline.queries)
    if len(common) < IN_COMMON_MIN:
        raise UsageError(
            f"{pairs.candidate.run_id} and {pairs.baseline.run_id} have "
            f"{'no query' if not common else 'one query'} in common; nothing to compare"
        )
    if GOLD in allowed:
        return
    known = [run for run in (pairs.candidate, pairs.baseline) if not np.isnan(run.score("passed").values).all()]
    if len(known) == 1:
        without = pairs.baseline if known[0] is pairs.candidate else pairs.candidate
        raise UsageError(
            f"gold: no query of {without.run_id} could be judged right or wrong, unlike those of {known[0].run_id}. "
            "To compare only tokens, add --allow gold"
        )


def _of_one_text(arms: Sequence[ArmValues]) -> tuple[list[ArmValues], list[str]]:
    """Leave out queries that have one id and two texts in two query sets: they are not the same query."""
    texts = [dict(zip(arm.rows["query_id"], arm.rows["asked"], strict=True)) for arm in arms]
    if not (other := {one for one in texts[0].keys() & texts[1].keys() if texts[0][one] != texts[1][one]}):
        return list(arms), []
    return [without_queries(arm, other) for arm in arms], [
        f"{len(other)} queries were left out: same id, but different text in the two query sets"
    ]


def _rules(settings: Settings, candidate: str, about: frozenset[str]) -> ClaimRules:
    try:
        suite = read_frozen_suite(settings, benchmark_run_of(candidate))
    except DocMindError:
        return ClaimRules(about=about)
    return ClaimRules(min_n=suite.min_n or MIN_N, claim_without_ledger=suite.claim_without_ledger, about=about)


def _without_false_findings(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Call a row that explores inconclusive where its corrected p shows nothing: among a hundred, five look moved."""
    found = []
    for row in rows:
        p = row.get("p_fdr")
        explores = row["metric"] not in GATING or row["slice"] != "all" or row["agent"] != "all"
        if explores and row["verdict"] in {BETTER, WORSE} and isinstance(p, float) and p > FDR_MAX:
            because = f"{row['because']}; p {p:.2g} corrected over all exploratory comparisons (Benjamini-Hochberg)"
            row = {**row, "verdict": INCONCLUSIVE, "because": because}  # noqa: PLW2901
        found.append(row)
    return found


def gold_of_run(settings: Settings, run: Mapping[str, object]) -> tuple[dict[str, Query], tuple[str, ...]]:
    """Return the queries of a run by id, where its query set is at hand as it was, and why there are none."""
    try:
        found = load_query_set(read_frozen_suite(settings, str(run["benchmark_run"])).query_set)
    except DocMindError as error:
        return {}, (f"gold answers are not shown: {str(error).splitlines()[0]}",)
    if found.query_set_hash != run[QUERY_SET]:
        return {}, ("gold answers are not shown: the query set has changed since the run",)
    return {query.query_id: query for query in found.queries}, ()


def _plumbing(runs: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    return (
        ("ran on a smoke-test model: quality figures are not meaningful",) if any(r["plumbing"] for r in runs) else ()
    )
