"""The ablation: what each lever was claimed to move, and what it moved in one benchmark run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from docmind_core.agents.levers import ADDED_TO_TUNED, LEVERS, NAIVE, TUNED, parse_lever_arm
from docmind_core.errors import StoreError
from docmind_core.measurements.arm_reading import read_arm_values
from docmind_core.measurements.arm_values import ArmValues
from docmind_core.measurements.comparability import not_run, obstacles, unbalanced_runs
from docmind_core.measurements.lever_claims import CLAIMS, WHOLE, Claim, Direction
from docmind_core.measurements.lever_effects import TIMES, Effect, lever_effect, sent_the_same
from docmind_core.measurements.verdicts import INCONCLUSIVE, MARGIN, NOT_JUDGED
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.pairs import holm
from docmind_core.tables.segments import read_segment, run_ids_of, write_segment

AS_CLAIMED = "moved as claimed"
DID_NOT_MOVE = "did not move"
OTHER_WAY = "other way"
NOT_MEASURABLE = "not measurable here"
ALPHA = 0.05

_OPPOSITE: dict[Direction, Direction] = {"rises": "falls", "falls": "rises", "stays": "stays"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One row to be: an arm against the arm it differs from in one lever."""

    lever: str
    edge: str
    metric: str
    expected: Direction
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
    if not any(parse_lever_arm(run_id.partition(".")[2]) for run_id in run_ids):
        return 0
    arms = [read_arm_values(settings.tables, run_id, ("passed",), unscored=True) for run_id in run_ids]
    runs = {run.arm: run for run in arms}
    unbalanced = unbalanced_runs(settings.tables, run_ids)
    holder = run_ids[0]
    questions = tuple(_questions())
    effects = [_effect(question, runs, unbalanced) for question in questions]
    corrected, tested = _corrected(effects)
    rows = [
        {"run_id": holder, "benchmark_run": benchmark_run, **_row(question, effect, p, tested, runs)}
        for question, effect, p in zip(questions, effects, corrected, strict=True)
    ]
    write_segment(settings.tables, "lever_effects", holder, rows)
    for other in run_ids[1:]:  # held them while the arm that comes first now was missing
        if read_segment(settings.tables, "lever_effects", other, columns=("run_id",)):
            write_segment(settings.tables, "lever_effects", other, [])
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


def _corrected(effects: Sequence[Effect]) -> tuple[list[float | None], int]:
    """Correct the p values of all rows by Holm: with 20 levers that do nothing some row would "move" in 64 %."""
    tested = [place for place, (found, _) in enumerate(effects) if found.low is not None and found.p is not None]
    corrected: list[float | None] = [None] * len(effects)
    for place, p in zip(tested, holm([effects[place][0].p or 0.0 for place in tested]), strict=True):
        corrected[place] = p
    return corrected, len(tested)


def _row(
    question: _Question, effect: Effect, p_holm: float | None, tested: int, runs: Mapping[str, ArmValues]
) -> dict[str, object]:
    found, _because = effect
    verdict, why = _verdict(question, effect, p_holm, tested, runs)
    return {
        "lever": question.lever,
        "edge": question.edge,
        "expected": question.expected,
        "metric": question.metric,
        "effect": found.value,
        "effect_low": found.low,
        "effect_high": found.high,
        "n": found.n,
        "p": None if found.low is None else found.p,
        "p_holm": p_holm,
        "verdict": verdict,
        "because": why,
    }


def _effect(question: _Question, runs: Mapping[str, ArmValues], unbalanced: frozenset[str]) -> Effect:
    if question.arm is None:
        return _nothing(f"{question.refused_because}")
    missing = [arm for arm in (question.arm, question.against) if arm not in runs]
    if missing:
        return _nothing(f"not in this benchmark run: {' and '.join(missing)} (not_compared)")
    candidate, baseline = runs[question.arm], runs[question.against]
    # What a smoke-test model says means nothing; what it costs is real.
    found = obstacles({**candidate.row, "plumbing": None}, {**baseline.row, "plumbing": None})
    sides = candidate, baseline
    found += [f"the ledger of {run.arm} is unbalanced" for run in sides if run.run_id in unbalanced]
    found += [because for run in sides if run.places.size and (because := not_run(run)) is not None]
    if found:
        return _nothing("; ".join(found))
    estimate, because = lever_effect(question.metric, candidate, baseline)
    state = candidate.row.get("cache_state")
    if state is None or estimate.low is None:
        return estimate, because
    if (candidate.rows["cache_hits"].numbers() == 0).all():
        return _nothing(
            f"no lookups of {candidate.arm} hit; its caches were {state} at the start. Run the suite again in this home"
        )
    return estimate, f"{because}; its caches were {state} at the start"


def _nothing(because: str) -> Effect:
    return Estimate(value=None, n=0), because


def _verdict(
    question: _Question, effect: Effect, p_holm: float | None, tested: int, runs: Mapping[str, ArmValues]
) -> tuple[str, str]:
    found, because = effect
    if found.low is None or found.high is None:
        return NOT_JUDGED if found.because == NOT_JUDGED else NOT_MEASURABLE, because
    compared = f"{question.arm} against {question.against}: {because}"
    if question.metric in TIMES:
        compared += "; times of a single run, which vary between runs"
    if (why := _unmoved(question, found, runs)) is not None:
        return DID_NOT_MOVE, f"{compared}; {why}"
    if found.low <= 0 <= found.high:
        return INCONCLUSIVE, f"{compared}; the interval contains 0"
    shown = f"{compared}; p {_p_text(found.p)}, {_p_text(p_holm)} corrected for {tested} rows"
    if p_holm is None or p_holm >= ALPHA:
        return INCONCLUSIVE, f"{shown}, so it may be due to chance"
    return (AS_CLAIMED if question.expected == ("rises" if found.low > 0 else "falls") else OTHER_WAY), shown


def _unmoved(question: _Question, found: Estimate, runs: Mapping[str, ArmValues]) -> str | None:
    """Say how it is known that a metric stayed where it was; None where it moved, or may have."""
    low, high = found.low or 0.0, found.high or 0.0
    if low == high == 0:
        return "no query changed"
    if question.metric == "decode_tps" and sent_the_same(runs[f"{question.arm}"], runs[question.against]):
        return "both arms sent the same requests, so the lever had no effect to show"
    if question.metric == "passed" and low > -MARGIN and high < MARGIN:
        return f"less than {100 * MARGIN:.0f} points in either direction"
    return None


def _p_text(p: float | None) -> str:
    return "unknown" if p is None else "below 0.0001" if p < 0.0001 else f"{p:.2g}"
