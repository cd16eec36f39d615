"""The few lines that a terminal shows at the end of a benchmark run."""

from pathlib import Path

from docmind_core.reports.arm_notices import endings_sentence, load_sentence
from docmind_core.reports.arm_table import arm_table
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell
from docmind_core.reports.headline import Finding, headline, no_passages_sentence, plumbing_sentence, unjudged_sentence
from docmind_core.reports.limits_table import Scorecard
from docmind_core.reports.opponents import budget_sentence, opponents_table
from docmind_core.reports.own_metrics import unscored_sentence
from docmind_core.reports.terminal_layout import PROSE_WIDTH, table_lines, wrapped_lines
from docmind_core.reports.text_safety import one_line, shortened

LINES_MAX = 32
ARMS_SHOWN = 6
_FINDING_LINES, _REASON_LINES, _REASONS_SHOWN = 3, 2, 4
_WARNING_LINES = 3
_COLUMNS = {
    "answered": "answered",
    "failed": "failed",
    "calls": "calls/query",
    "billed_tokens": "tokens/query",
    "reduction_pct": "saved",
    "single_pass_ratio": "× one call",
    "wall_p50_s": "median",
    "passed": "passed",
    "exact_match": "exact_match",
}
"""Row of the arm table and what the terminal calls it."""
_LEFT_OUT_FIRST = ("exact_match", "calls/query", "failed")
"""Columns that a narrow terminal does without: `passed` and `answered` hold most of what they say."""


def summary_text(records: BenchmarkRecords, scorecard: Scorecard, html: Path, width: int | None = None) -> str:
    """Say what came out, without control characters; where `width` is None, in at most `LINES_MAX` lines."""
    first = records.arms[0]
    title = f"Benchmark run {first.benchmark_run} (suite {first.suite}, {first.query_set}, {first.model})"
    prose = width or PROSE_WIDTH
    opponents = _opponent_lines(records, width)
    lines = [*wrapped_lines(title, prose), "", *_arm_lines(records, width), "", *opponents]
    findings = headline(records)
    lines += _wrapped(findings[0].main, prose, _FINDING_LINES)
    if not opponents:  # their table says the same of each arm
        lines += _wrapped(findings[0].rest, prose, _FINDING_LINES)
        for other in findings[1:2]:
            lines += _wrapped(other.main, prose, _FINDING_LINES)
    lines += _claim_lines(findings[0], prose)
    warnings = (
        *(plumbing_sentence, endings_sentence, no_passages_sentence, unjudged_sentence, unscored_sentence),
        load_sentence,
    )
    for warning in filter(None, (sentence(records) for sentence in warnings)):
        lines += _wrapped(warning, prose, _WARNING_LINES)
    lines += _wrapped(shortened(scorecard.counts, characters=PROSE_WIDTH), prose)
    lines += _wrapped(ledger_line(records), prose)
    lines.append(f"Report: {html}")
    return "\n".join(lines)


def ledger_line(records: BenchmarkRecords) -> str:
    """Say in one line whether the ledger balances, and if not, why."""
    if not records.ledger:
        return "Ledger: no engine session recorded."
    balanced = sum(row.state == "balanced" for row in records.ledger)
    line = f"Ledger: {balanced} of {len(records.ledger)} engine sessions balanced to the token"
    others = [f"{records.arm_names[row.run_id]} {row.state}" for row in records.ledger if row.state != "balanced"]
    if len(others) == len(records.ledger) > 1 and len({row.state for row in records.ledger}) == 1:
        others = [f"all {records.ledger[0].state}"]
    return shortened(one_line(f"{line}; {', '.join(others)}" if others else f"{line}."), characters=PROSE_WIDTH)


def _arm_lines(records: BenchmarkRecords, width: int | None) -> list[str]:
    rows = {row.key: row for row in arm_table(records).rows if row.key}
    names = {key: name for key, name in (_COLUMNS | {own: own for own in records.own_metrics}).items() if key in rows}
    lines = [["arm", *names.values()]]
    for place, arm in enumerate(records.arms[:ARMS_SHOWN]):
        lines.append([arm.arm, *(_figure(rows[key].cells[place]) for key in names)])
    cells = [[shortened(one_line(cell), characters=24) for cell in line] for line in lines]
    fitting = (
        _fitting(cells, width) or _fitting([*map(list, zip(*cells, strict=True))], width) or _narrowed(cells, width)
    )
    more = len(records.arms) - ARMS_SHOWN
    rest = [f"... and {more} more arms in the report"] if more > 0 else []
    return [*(fitting or table_lines(cells[0], cells[1:], width)), *rest]


def _narrowed(cells: list[list[str]], width: int | None) -> list[str]:
    """Align the cells without as many columns as it takes, and name these; no line where that is not enough."""
    for count in range(1, len(_LEFT_OUT_FIRST) + 1):
        out = [name for name in cells[0] if name in _LEFT_OUT_FIRST[:count]]
        kept = [place for place, name in enumerate(cells[0]) if name not in out]
        if lines := _fitting([[row[place] for place in kept] for row in cells], width):
            return [*lines, f"In the report: {', '.join(out)}"]
    return []


def _opponent_lines(records: BenchmarkRecords, width: int | None) -> list[str]:
    """Put `tuned` against its opponents, a line each; none where there are none in the run."""
    table = opponents_table(records)
    if table is None:
        return []
    present = [row for row in table.rows if row.heading in records.arm_names.values()]
    rows = [[row.heading, *(_short(cell) for cell in row.cells[:2])] for row in present]
    return [
        *(_fitting([list(table.columns[:3]), *rows], width) or table_lines(list(table.columns[:3]), rows, width)),
        *_wrapped(budget_sentence(records) or "", width or PROSE_WIDTH),
        "",
    ]


def _claim_lines(finding: Finding, width: int) -> list[str]:
    """Say whether the saving may be claimed, and if not, a reason a line."""
    if len(finding.reasons) < 2:
        return _wrapped(finding.claim, width, _FINDING_LINES)
    lines = _wrapped(f"{finding.claim.partition(':')[0].rstrip('.')}:", width)
    for reason in finding.reasons[:_REASONS_SHOWN]:
        lines += [
            f"- {first}" if not place else f"  {first}"
            for place, first in enumerate(_wrapped(reason, width - 2, _REASON_LINES))
        ]
    more = len(finding.reasons) - _REASONS_SHOWN
    return [*lines, f"- and {more} more in the report"] if more > 0 else lines


def _short(cell: Cell) -> str:
    """Leave out of a cell what qualifies its interval."""
    interval = cell.note.split(";")[0]
    return one_line(f"{cell.text} ({interval})" if interval else "–" if cell.is_missing else cell.text)


def _figure(cell: Cell) -> str:
    # The report gives the reasons; a line of the terminal has no room for them.
    return "–" if cell.number is None else cell.text


def _fitting(cells: list[list[str]], width: int | None) -> list[str]:
    """Align the cells under each other; no line at all where that would be wider than the terminal."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    return lines if width is None or len(lines[0]) <= width else []


def _wrapped(sentence: str, width: int, lines_max: int | None = None) -> list[str]:
    lines = wrapped_lines(sentence, width)
    if lines_max is not None and len(lines) > (most := lines_max * -(-PROSE_WIDTH // width)):
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    return lines
