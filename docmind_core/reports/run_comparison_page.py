"""Two runs compared, as text for a terminal, as Markdown for a pull request, and as JSON for programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from docmind_core.measurements.arm_values import TOKEN_METRICS
from docmind_core.measurements.comparing import GATING
from docmind_core.measurements.flipped_queries import BROKE, FIXED, AnsweredQuery, FlippedQuery
from docmind_core.measurements.paired import number
from docmind_core.measurements.run_comparison import RunComparison
from docmind_core.measurements.times import CLOCK_METRICS
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.reasons import reason_text
from docmind_core.metrics.signs import from_to, signed
from docmind_core.reports.cells import Table, table_row
from docmind_core.reports.number_text import count_text, duration_text, interval_text, ratio_text, unit_interval_text
from docmind_core.reports.rendering import markdown_table
from docmind_core.reports.text_safety import markdown_text, one_line, shortened
from docmind_core.runs.run_differences import Difference

COLUMNS = ("metric", "agent", "slice", "baseline", "candidate", "difference", "95 % interval", "n", "MDE", "verdict")
DECIDING = ("metric", "difference", "verdict")
"""The columns that a narrow terminal shows first."""
FLIPS_SHOWN = 10
ANSWER_CHARACTERS = 200
_UNKNOWN, _NONE = "unknown", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipText:
    """A flipped query in words."""

    heading: str
    lines: tuple[tuple[str, str], ...]
    """Labels with their texts."""


def headline(found: RunComparison) -> list[str]:
    """Return what decides, one line each: the runs, the gating metrics, and the queries that flipped."""
    lines = [f"candidate {found.candidate_run_id}, baseline {found.baseline_run_id}"]
    lines += [
        f"{row['metric']}: {verdict_text(row)}, {difference_text(row)} over {_n(row)} "
        f"{'query' if _n(row) == 1 else 'queries'} ({_why(row)})"
        for row in found.rows
        if is_gating(row)
    ]
    broke = sum(flip.change == BROKE for flip in found.flips)
    lines.append(f"flipped queries: {broke} broke, {len(found.flips) - broke} fixed")
    return lines


def changed_lines(found: RunComparison) -> list[str]:
    """Return what differs between the two, one line for the conditions and one for what a change may come from."""
    unknown = dict.fromkeys(str(row["metric"]) for row in found.rows if row["slice"] == "all" and not _n(row))
    return [
        f"conditions that differ: {_listed(found.conditions)}",
        f"changes since the baseline: {_listed(found.origins)}",
        *([f"no values in both runs: {', '.join(unknown)}"] if unknown else []),
        *found.notes,
    ]


def shown_rows(found: RunComparison, *, slices: bool) -> list[Mapping[str, object]]:
    """Return the rows to print: those of all queries, and of slices those that moved, or all of them."""
    return [
        row
        for row in found.rows
        if is_gating(row) or (_n(row) and (row["slice"] == "all" or slices or row["verdict"] in {"better", "worse"}))
    ]


def cells(row: Mapping[str, object]) -> tuple[str, ...]:
    """Return a row of `comparisons` in words, in the order of `COLUMNS`."""
    values = (_value_text(row, number(row["baseline_value"])), _value_text(row, number(row["candidate_value"])))
    return (
        str(row["metric"]),
        str(row["agent"]),
        str(row["slice"]),
        *values,
        difference_text(row),
        _interval(row),
        str(_n(row)),
        _mde(row),
        verdict_text(row),
    )


def terminal_table(found: RunComparison, *, slices: bool) -> tuple[list[str], list[list[str]]]:
    """Return names and rows of the table for a terminal; the column of slices only where there are some."""
    rows = [dict(zip(COLUMNS, cells(row), strict=True)) for row in shown_rows(found, slices=slices)]
    names = [name for name in COLUMNS if name != "slice" or any(row["slice"] != "all" for row in rows)]
    return names, [[row[name] for name in names] for row in rows]


def flip_texts(found: RunComparison, shown: int | None) -> list[FlipText]:
    """Return the flipped queries in words, the most broken first; all when `shown` is None."""
    return [_flip_text(flip) for flip in found.flips[:shown]]


def markdown(found: RunComparison, *, slices: bool = False, flips: int | None = FLIPS_SHOWN) -> str:
    """Return the comparison as Markdown, for a pull request."""
    rows = [table_row(first, rest) for first, *rest in map(cells, shown_rows(found, slices=slices))]
    table = Table(caption="", columns=COLUMNS, rows=tuple(rows))
    first, *verdicts = headline(found)
    lines = [f"### {markdown_text(first)}", "", *(f"- {markdown_text(line)}" for line in verdicts)]
    lines += [f"- {markdown_text(line)}" for line in changed_lines(found)]
    lines += ["", str(markdown_table(table))]
    for flip in flip_texts(found, flips):
        lines += ["", f"**{markdown_text(flip.heading)}**", ""]
        lines += [f"- {label}: {markdown_text(text)}" for label, text in flip.lines]
    if flips is not None and len(found.flips) > flips:
        lines += ["", f"{len(found.flips) - flips} more flipped queries: `docmind compare --flips {len(found.flips)}`"]
    return "\n".join(lines) + "\n"


def as_json(found: RunComparison, flips: int | None = None) -> dict[str, object]:
    """Return the comparison with all its numbers, for `json.dumps`; tokens' differences are mean log ratios."""
    return {
        "candidate_run_id": found.candidate_run_id,
        "baseline_run_id": found.baseline_run_id,
        "conditions": [asdict(difference) for difference in found.conditions],
        "changed": [asdict(difference) for difference in found.origins],
        "notes": list(found.notes),
        "comparisons": [dict(row) for row in found.rows],
        "flipped": [_flip_json(flip) for flip in found.flips[:flips]],
    }


def is_gating(row: Mapping[str, object]) -> bool:
    """Whether a row is one of those that decide: a gating metric over all queries and agents."""
    return row["metric"] in GATING and row["agent"] == "all" and row["slice"] == "all"


def verdict_text(row: Mapping[str, object]) -> str:
    """Return the verdict as a person writes it."""
    return str(row["verdict"] or _UNKNOWN).replace("_", "-")


def difference_text(row: Mapping[str, object]) -> str:
    """Return the difference with its sign and unit: percent for tokens, points for shares."""
    delta = number(row["delta"])
    return _UNKNOWN if delta is None else _scaled(row, delta)


def _why(row: Mapping[str, object]) -> str:
    interval = _interval(row)
    return f"95 % interval {interval} %" if _is_ratio(row) and interval != _NONE else reason_text(str(row["because"]))


def _interval(row: Mapping[str, object]) -> str:
    low, high = number(row.get("delta_low")), number(row.get("delta_high"))
    if low is None or high is None:
        return _NONE
    if _is_ratio(row) or _is_share(row):
        scale = _percent if _is_ratio(row) else _points
        return interval_text(scale(low), scale(high), decimals=1)
    if row["metric"] in CLOCK_METRICS:
        return unit_interval_text(low, high, "s")
    return from_to(low, high, ".3g")


def _mde(row: Mapping[str, object]) -> str:
    mde = number(row.get("mde"))
    return _UNKNOWN if mde is None else _scaled(row, mde).removeprefix("+")


def _scaled(row: Mapping[str, object], delta: float) -> str:
    if _is_ratio(row):
        return f"{signed(_percent(delta), '+.1f')} %"
    if _is_share(row):
        return f"{signed(_points(delta), '+.1f')} points"
    if row["metric"] in CLOCK_METRICS:
        return f"{'−' if delta < 0 else '+'}{duration_text(abs(delta))}"
    return signed(delta, "+.3g")


def _value_text(row: Mapping[str, object], value: float | None) -> str:
    if _is_share(row):
        return ratio_text(value, "no value")
    if row["metric"] in CLOCK_METRICS:
        return duration_text(value, "no value")
    if row["metric"] in METRICS or value is None:
        return count_text(value, "no value")
    return signed(value, ",.4g")  # a user's metric, in a unit of its own


def _percent(log_ratio: float) -> float:
    return 100.0 * math.expm1(log_ratio)


def _points(share: float) -> float:
    return 100.0 * share


def _is_ratio(row: Mapping[str, object]) -> bool:
    return row["metric"] in TOKEN_METRICS


def _is_share(row: Mapping[str, object]) -> bool:
    known = METRICS.get(str(row["metric"]))
    return known is not None and known.bounds == (0.0, 1.0)


def _n(row: Mapping[str, object]) -> int:
    return int(str(row["n"] or 0))


def _listed(differences: Sequence[Difference]) -> str:
    return "; ".join(difference.text for difference in differences) or "none"


def _flip_text(flip: FlippedQuery) -> FlipText:
    gold = flip.gold
    right = "unknown" if gold is None else "no answer in the documents" if gold.expected_abstain else ""
    answers = right or " | ".join(gold.gold_answers if gold else ()) or "none given"
    lines = [
        ("question", flip.text),
        ("baseline", _answer_text(flip.baseline)),
        ("candidate", _answer_text(flip.candidate)),
        ("gold", answers),
    ]
    if gold is not None and (gold.evidence or gold.gold_doc_ids):
        spans = [f"{span.doc_id}: {span.text}" for span in gold.evidence] or list(gold.gold_doc_ids)
        lines.append(("evidence", " | ".join(spans)))
    reached = [("baseline", flip.baseline.evidence_recall), ("candidate", flip.candidate.evidence_recall)]
    read = ", ".join(f"{100 * recall:.0f} % in the {side}" for side, recall in reached if recall is not None)
    if read:
        lines.append(("evidence read", read))
    share = f"{100 * flip.baseline.passed:.0f} % → {100 * flip.candidate.passed:.0f} %"
    heading = f"{flip.change} {flip.query_id} ({flip.query_type}), passed {share}"
    return FlipText(
        heading=one_line(heading),
        lines=tuple((label, shortened(one_line(text), characters=ANSWER_CHARACTERS)) for label, text in lines),
    )


def _answer_text(answered: AnsweredQuery) -> str:
    parts = [
        f"({outcome})" if text is None else text if outcome == "answered" else f"{text} ({outcome})"
        for text, outcome in zip(answered.answers, answered.outcomes, strict=True)
    ]
    return " | ".join(dict.fromkeys(parts))


def _flip_json(flip: FlippedQuery) -> dict[str, object]:
    gold = flip.gold
    return {
        "query_id": flip.query_id,
        "query_type": flip.query_type,
        "query": flip.text,
        "change": BROKE if flip.change == BROKE else FIXED,
        "baseline": asdict(flip.baseline),
        "candidate": asdict(flip.candidate),
        "gold_answers": None if gold is None else list(gold.gold_answers),
        "gold_doc_ids": None if gold is None else list(gold.gold_doc_ids),
        "expected_abstain": None if gold is None else gold.expected_abstain,
        "evidence": None if gold is None else [{"doc_id": span.doc_id, "text": span.text} for span in gold.evidence],
    }
