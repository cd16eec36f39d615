"""The ablation: what each lever was claimed to move, and what it moved in one benchmark run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from docmind_core.agents.arm_names import NAIVE, TUNED, parse_lever_arm
from docmind_core.agents.levers import ADDED_TO_TUNED, LEVERS
from docmind_core.errors import StoreError
from docmind_core.measurements.comparability import obstacles, unbalanced_runs
from docmind_core.measurements.lever_claims import CLAIMS, WHOLE, Claim
from docmind_core.measurements.lever_effects import TIMES, Effect, lever_effect
from docmind_core.measurements.lever_values import LeverRun, read_lever_run
from docmind_core.measurements.times import NOT_JUDGED
from docmind_core.settings import Settings
from docmind_core.tables.segments import run_ids_of, segment_path, write_segment

AS_CLAIMED = "moved as claimed"
DID_NOT_MOVE = "did not move"
OTHER_WAY = "other way"
NOT_MEASURABLE = "not measurable here"

_OPPOSITE = {"rises": "falls", "falls": "rises"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One row to be: an arm against the arm it differs from in one lever."""

    lever: str
    edge: str
    metric: str
    expected: str
    arm: str | None
    """None where no arm can have the lever."""
    against: str
    refused_because: str | None = None


def measure_levers(settings: Settings, benchmark_run: str) -> int:
    """Write one row per lever, edge and metric of a benchmark run that has arms with levers; return how many.

    A benchmark run without such arms gets no rows.

    Raises:
        StoreError: If the benchmark run has no finished arm.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    runs = {run.arm: run for run in (read_lever_run(settings.tables, run_id) for run_id in run_ids)}
    if not any(parse_lever_arm(arm) for arm in runs):
        return 0
    unbalanced = unbalanced_runs(settings.tables, run_ids)
    holder = run_ids[0]
    rows = [
        {"run_id": holder, "benchmark_run": benchmark_run, **_row(question, runs, unbalanced)}
        for question in _questions()
    ]
    write_segment(settings.tables, "lever_effects", holder, rows)
    for other in run_ids[1:]:  # held them while the arm that comes first now was missing
        segment_path(settings.tables, "lever_effects", other).unlink(missing_ok=True)
    return len(rows)


def _questions() -> Iterator[_Question]:
    for edge, metric, expected in WHOLE:
        yield _Question(lever=TUNED, edge=edge, metric=metric, expected=expected, arm=TUNED, against=NAIVE)
    for claim in CLAIMS:
        yield _in_naive(claim)
    for claim in CLAIMS:
        if LEVERS[claim.lever].not_in_tuned is None:
            yield _in_tuned(claim)


def _in_naive(claim: Claim) -> _Question:
    because = LEVERS[claim.lever].not_in_naive
    arm = f"naive+{claim.lever}" if because is None else None
    return _Question(
        lever=claim.lever,
        edge=claim.edge,
        metric=claim.metric,
        expected=claim.expected,
        arm=arm,
        against=NAIVE,
        refused_because=because,
    )


def _in_tuned(claim: Claim) -> _Question:
    """Ask about leaving the lever out, which is claimed to do the opposite; or about adding what `tuned` lacks."""
    adds = claim.lever in ADDED_TO_TUNED
    arm = f"{TUNED}{'+' if adds else '-'}{claim.lever}"
    expected = claim.expected if adds else _OPPOSITE[claim.expected]
    return replace(_in_naive(claim), lever=arm, arm=arm, against=TUNED, expected=expected, refused_because=None)


def _row(question: _Question, runs: Mapping[str, LeverRun], unbalanced: frozenset[str]) -> dict[str, object]:
    effect = _effect(question, runs, unbalanced)
    verdict, because = _verdict(question, effect)
    return {
        "lever": question.lever,
        "edge": question.edge,
        "expected": question.expected,
        "metric": question.metric,
        "effect": effect.value,
        "effect_low": effect.low,
        "effect_high": effect.high,
        "n": effect.n,
        "verdict": verdict,
        "because": because,
    }


def _effect(question: _Question, runs: Mapping[str, LeverRun], unbalanced: frozenset[str]) -> Effect:
    if question.arm is None:
        return Effect(because=f"{question.refused_because}")
    missing = [arm for arm in (question.arm, question.against) if arm not in runs]
    if missing:
        return Effect(because=f"not in this benchmark run: {' and '.join(missing)} (not_compared)")
    candidate, baseline = runs[question.arm], runs[question.against]
    # What a model that checks the plumbing says means nothing; what it costs is real.
    found = obstacles({**candidate.row, "plumbing": None}, baseline.row)
    found += [f"the ledger of {run.arm} is unbalanced" for run in (candidate, baseline) if _id(run) in unbalanced]
    if found:
        return Effect(because="; ".join(found))
    effect = lever_effect(question.metric, candidate, baseline)
    state = candidate.row.get("cache_state")
    if state is None or effect.low is None:
        return effect
    if all(query.get("cache_hits") == 0 for query in candidate.queries):
        return Effect(
            because=f"no lookup of {candidate.arm} hit, its caches were {state} at the start: run the suite again in "
            "this home"
        )
    return replace(effect, because=f"{effect.because}; its caches were {state} at the start")


def _verdict(question: _Question, effect: Effect) -> tuple[str, str]:
    if effect.low is None or effect.high is None:
        return NOT_JUDGED if effect.because.startswith(NOT_JUDGED) else NOT_MEASURABLE, effect.because
    compared = f"{question.arm} against {question.against}: {effect.because}"
    if question.metric in TIMES:
        compared += "; a time of one run, other nights differ"
    if effect.low == effect.high == 0:
        return DID_NOT_MOVE, f"{compared}; no query changed"
    if effect.same_requests:
        return DID_NOT_MOVE, f"{compared}; both arms sent the same requests, so the lever had nothing to act on"
    if effect.low <= 0 <= effect.high:
        return DID_NOT_MOVE, f"{compared}; the interval holds 0"
    rose = effect.low > 0
    return (AS_CLAIMED if rose == (question.expected == "rises") else OTHER_WAY), compared


def _id(run: LeverRun) -> str:
    return str(run.row["run_id"])
