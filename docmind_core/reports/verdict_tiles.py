"""The figures a report opens with: a tile each, coloured by the limit that the figure is held to."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypedDict

from pydantic.dataclasses import dataclass

from docmind_core.measurements.grades import Letter
from docmind_core.measurements.limit_results import MET, MISSED, NOT_MEASURED, UNDECIDED, worst_by_limit
from docmind_core.metrics.limits import P95_N_MIN
from docmind_core.metrics.reasons import reason_text
from docmind_core.reports.arm_table import ANSWERED, of_queries, of_scores, of_times
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import DOCUMENTED, Cell, Source, figure, joined
from docmind_core.reports.headline import counted_queries
from docmind_core.reports.history import ArmHistory
from docmind_core.reports.limits_table import Scorecard
from docmind_core.reports.number_text import count_text, duration_text, percent_text, ratio_text
from docmind_core.reports.opponents import QUALITY, quality_of_arm, tokens_of_arm
from docmind_core.reports.run_records import ArmRun

Colour = Literal["good", "bad", "open", "plain"]
GOOD: Final = "good"
BAD: Final = "bad"
OPEN: Final = "open"
PLAIN: Final = "plain"
_COLOURS: Mapping[str, Colour] = {MET: GOOD, MISSED: BAD, UNDECIDED: OPEN, NOT_MEASURED: OPEN}
ICONS = {GOOD: "✓", BAD: "✗", OPEN: "?", PLAIN: "•"}
_NO_LIMIT = "no limit"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Tile:
    """One figure of the judged arm, readable without its colour."""

    label: str
    figure: Cell
    source: Source | None = None
    change: str = ""
    """The same figure in an earlier run."""
    colour: Colour = PLAIN
    """`good`, `bad`, `open` (nothing decided) or `plain` (nothing to hold it to)."""
    word: str = _NO_LIMIT
    """What the colour says."""

    @property
    def icon(self) -> str:
        """The colour as a sign."""
        return ICONS[self.colour]


class _Held(TypedDict):
    colour: Colour
    word: str


def judged_arm_of(records: BenchmarkRecords, scorecard: Scorecard) -> ArmRun:
    """Return the arm that the limits hold for; the first one where no limits were measured."""
    return next((arm for arm in records.arms if arm.arm == scorecard.arm), records.arms[0])


def verdict_tiles(records: BenchmarkRecords, scorecard: Scorecard, histories: Sequence[ArmHistory]) -> tuple[Tile, ...]:
    """Return the tiles of the judged arm: answered, passed, tokens, time, limits, ledger."""
    arm = judged_arm_of(records, scorecard)
    history = next((each for each in histories if each.arm == arm.arm), None)
    states = {result.limit.metric: result.state for result in worst_by_limit(scorecard.results).values()}
    return (
        _answered(records, arm),
        _passed(records, arm, history, states),
        _tokens(records, arm, history, states),
        _time(records, arm, history, states),
        _limits(scorecard, list(states.values())),
        _ledger(records, arm),
    )


def _answered(records: BenchmarkRecords, arm: ArmRun) -> Tile:
    queries = records.queries_of_arms[arm.run_id]
    expected = arm.expected_queries if arm.expected_queries is not None else len(queries)
    answered, own = sum(query.answered for query in queries), sum(q.answered and not q.fallback for q in queries)
    fallbacks = f"{answered - own:,} by a fallback" if own < answered else ""
    missing = expected - answered
    colour: Colour = BAD if missing else GOOD
    word = "none" if expected and not answered else f"{missing:,} unanswered" if missing else "all"
    value = figure(answered, "count", total=expected, words=f"{answered:,} of {expected:,}", remark=fallbacks)
    return Tile(label="answered", figure=value, source=of_queries(records, ANSWERED), colour=colour, word=word)


def _passed(records: BenchmarkRecords, arm: ArmRun, history: ArmHistory | None, states: Mapping[str, str]) -> Tile:
    found = quality_of_arm(records, arm)
    if found.value is None:
        return _nothing(QUALITY, found.because or "not_scored", "1")
    remark = joined(counted_queries(found.n), "smoke-test model" if arm.plumbing else "")
    return Tile(
        label=QUALITY,
        figure=figure(found, "1", remark=remark),
        source=of_scores(records, QUALITY),
        change=_earlier(history, "pass_ratio", found.value, ratio_text),
        **_held(states, "pass_ratio"),
    )


def _tokens(records: BenchmarkRecords, arm: ArmRun, history: ArmHistory | None, states: Mapping[str, str]) -> Tile:
    label, found = "tokens per query", tokens_of_arm(records, arm)
    if found.value is None:
        return _nothing(label, found.because or "", "tokens")
    return Tile(
        label=label,
        figure=figure(found, "tokens"),
        source=of_queries(records, "avg(billed_tokens)"),
        change=_earlier(history, "billed_tokens", found.value, count_text),
        **_held(states, "billed_tokens"),
    )


def _time(records: BenchmarkRecords, arm: ArmRun, history: ArmHistory | None, states: Mapping[str, str]) -> Tile:
    label, row = "median time per query", records.latencies_of_arms.get(arm.run_id)
    if row is None or row.wall_p50_s is None:
        return _nothing(label, "no query has a wall time", "s")
    tail = (
        f"p95 {duration_text(row.wall_p95_s)}"
        if (row.wall_n or 0) >= P95_N_MIN
        else f"p95 needs {P95_N_MIN} queries, got {row.wall_n or 0}"
    )
    return Tile(
        label=label,
        figure=figure(row.wall_p50_s, "s", words=duration_text(row.wall_p50_s), remark=tail),
        source=of_times(records, "wall_p50_s"),
        change=_earlier(history, "wall_p50_s", row.wall_p50_s, duration_text),
        **_held(states, "wall_s", "wall_p95_s"),
    )


def _limits(scorecard: Scorecard, states: Sequence[str]) -> Tile:
    counts = Counter(state for state in states if state in _COLOURS)
    letter: Letter = scorecard.overall
    if not counts:
        return Tile(label="limits", figure=Cell(words="–", remark=letter.because), word="not judged")
    rest = ", ".join(f"{counts[state]} {state}" for state in (MISSED, UNDECIDED, NOT_MEASURED) if counts[state])
    colour: Colour = BAD if counts[MISSED] else OPEN if counts.total() > counts[MET] else GOOD
    word = {BAD: "missed", OPEN: "some undecided", GOOD: "met"}[colour]
    met, judged = counts[MET], counts.total()
    value = figure(met, "count", total=judged, words=f"{met} of {judged}", remark=rest)
    return Tile(label="limits met", figure=value, colour=colour, word=word)


def _ledger(records: BenchmarkRecords, arm: ArmRun) -> Tile:
    states = [row.state for row in records.ledger if row.run_id == arm.run_id]
    if not states:
        return _nothing("ledger", "no engine session recorded")
    odd = [str(state) for state in states if state != "balanced"]
    if odd:
        return Tile(label="ledger", figure=Cell(words=odd[0], remark="see Ledger"), colour=OPEN, word="not balanced")
    value = Cell(words="balanced", remark="matches the engine")
    return Tile(label="ledger", figure=value, colour=GOOD, word="exact")


def _nothing(label: str, because: str, unit: str = "") -> Tile:
    value = Cell(words="–", unit=unit, because=because, remark=reason_text(because))
    return Tile(label=label, figure=value, colour=OPEN, word="not measured")


def _held(states: Mapping[str, str], *metrics: str) -> _Held:
    metric = next((metric for metric in metrics if states.get(metric) in _COLOURS), None)
    if metric is None:
        return {"colour": PLAIN, "word": _NO_LIMIT}
    return {"colour": _COLOURS[states[metric]], "word": f"{metric} {states[metric]}"}


def _earlier(history: ArmHistory | None, metric: str, now: float, text: Callable[[float | None], str]) -> str:
    """Return the change since the pinned baseline, else since the previous run; nothing where conditions changed."""
    if history is None:
        return ""
    values, last = history.values[metric], len(history.run_ids) - 1
    changed = max(history.new_series, default=0)
    if history.baseline is not None and changed <= history.baseline < last:
        name, place = "baseline", history.baseline
    elif changed < last:
        name, place = "previous run", last - 1
    else:
        return ""
    before = values[place]
    if before is None:
        return ""
    if metric == "pass_ratio":
        change = ratio_text(now - before)
    else:
        change = percent_text(100 * (now / before - 1)) if before else ""
    if not change or text(before) == text(now):
        return f"{text(before)} in the {name}"
    return f"{'' if change.startswith('−') else '+'}{change} since the {name} ({text(before)})"
