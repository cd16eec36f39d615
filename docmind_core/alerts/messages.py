"""Alert messages: one per benchmark run and channel, as plain text and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.alerts.evaluation import Evaluation
from docmind_core.alerts.lifecycle import CLOSED, ENDED, EXPIRED, FIRING, REPEAT, RESOLVED
from docmind_core.metrics.reasons import reason_text
from docmind_core.metrics.signs import from_to, signed
from docmind_core.reports.text_safety import markdown_text, one_line, shortened

LINES_MAX = 50
TEXT_CHARACTERS = 800
NEXT_STEPS = {
    "run_failed": "resume it: docmind bench SUITE --resume {run}",
    "report_failed": "rewrite the report: docmind report {run}",
    "ledger_unbalanced": 'compare the token counts: docmind sql "from ledger_balance"',
    "benchmark_missing": "check that the daemon is running and the suite is valid: docmind check SUITE",
    "alerting_stale": "find out why no benchmark finishes: docmind runs",
}
"""What to do about a rule other than a limit, where there is more to do than to read the report."""
_WORDS = {FIRING: "firing", REPEAT: "still firing", RESOLVED: "resolved", EXPIRED: "expired", CLOSED: "closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An alert that changed its state or is due for a reminder."""

    evaluation: Evaluation
    from_state: str
    to_state: str
    notice: str | None
    """`firing`, `repeat`, `resolved`, `expired` or `closed`; None when no one needs to know."""
    first_seen: str
    first_run: str
    """Benchmark run that opened the episode."""
    benchmark_run: str
    """The one that changed it."""
    peak: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in both forms."""

    title: str
    text: str
    markdown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that is open, as far as a message names it."""

    fingerprint: str
    rule_id: str
    severity: str
    labels: Mapping[str, str]
    first_seen: str


def compose(benchmark_run: str, changes: Sequence[Transition], report: Path) -> Message:
    """Make one message of all changes of a benchmark run, firing ones first."""
    order = tuple(_WORDS)
    ordered = sorted(changes, key=lambda change: order.index(change.notice or RESOLVED))
    lines = [_line(change) for change in ordered[:LINES_MAX]]
    if len(ordered) > LINES_MAX:
        lines.append(f"and {len(ordered) - LINES_MAX} more")
    counts = [f"{_count(changes, notice)} {word}" for notice, word in _WORDS.items() if _count(changes, notice)]
    title = f"DocMind Eval: {', '.join(counts)} in {one_line(benchmark_run)}"
    shown = next((change.evaluation for change in ordered), None)
    footer = [f"Report: {report}"]
    if shown is not None:
        footer += _what_to_do(shown.fingerprint, shown.rule.rule_id, shown.labels)
    return _message(title, lines, footer)


def compose_still_firing(benchmark_run: str, alert: OpenAlert, because: str) -> Message:
    """Return the message that an alert is still firing after a period without messages, and why it is sent now."""
    line = f"STILL FIRING [{alert.severity}] {alert.rule_id} ({_labels(alert.labels)}); {because}"
    line = shortened(one_line(f"{line}; since {alert.first_seen[:16]} UTC"), characters=TEXT_CHARACTERS)
    title = f"DocMind Eval: 1 still firing in {one_line(benchmark_run)}"
    return _message(title, [line], _what_to_do(alert.fingerprint, alert.rule_id, alert.labels))


def compose_test(channel: str) -> Message:
    """Return the message that only shows that a channel works."""
    text = f"Test of the channel {one_line(channel)}. Nothing is wrong; this message only checks delivery."
    return Message(title="DocMind Eval: test message", text=text, markdown=markdown_text(text))


def _line(change: Transition) -> str:
    evaluation = change.evaluation
    labels, word = _labels(evaluation.labels), _WORDS[change.notice or RESOLVED].upper()
    parts = [f"{word} [{evaluation.rule.severity}] {evaluation.rule.rule_id} ({labels})"]
    parts += [text for text in (_measured(evaluation), reason_text(evaluation.reason)) if text]
    began = f"{change.first_seen[:16]} UTC, run {change.first_run}"
    parts += [*_recovery(change), f"had been open since {began}"] if change.notice == RESOLVED else [f"since {began}"]
    step = evaluation.rule.next_step or NEXT_STEPS.get(evaluation.rule.rule_id)
    if step is not None and change.notice not in ENDED:
        run = change.benchmark_run.partition(":")[0]
        parts.append(step.format(run=run).replace("SUITE", evaluation.labels.get("suite", "SUITE")))
    return shortened(one_line("; ".join(parts)), characters=TEXT_CHARACTERS)


def _measured(evaluation: Evaluation) -> str | None:
    rule, estimate = evaluation.rule, evaluation.estimate
    if estimate is None or estimate.value is None or rule.threshold is None:
        return None
    interval = ""
    if estimate.low is not None and estimate.high is not None and estimate.low < estimate.high:
        interval = f" (95 % interval {from_to(estimate.low, estimate.high, '.4g')})"
    limit = f"limit {'at least' if rule.is_minimum else 'at most'} {signed(rule.threshold, '.4g')}"
    noted = evaluation.evidence.get("notes")
    notes = "".join(f", {note}" for note in noted) if isinstance(noted, list) else ""
    return f"{signed(estimate.value, '.4g')}{interval}, {limit}, n {estimate.n}{notes}"


def _recovery(change: Transition) -> list[str]:
    """Say what shows that an alert is over, besides the value of the run that ended it."""
    rule = change.evaluation.rule
    count = rule.patience.keep_evals
    run = change.benchmark_run.partition(":")[0]
    good = f"good in run {run}" if count == 1 else f"good in {count} evaluations in a row, most recently in run {run}"
    at_worst = [] if change.peak is None or rule.threshold is None else [f"worst value {signed(change.peak, '.4g')}"]
    return [good, *at_worst]


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def _what_to_do(fingerprint: str, rule_id: str, labels: Mapping[str, str]) -> list[str]:
    suite = f" suite={labels['suite']}" if "suite" in labels else ""
    return [
        f"History: docmind alerts show {fingerprint[:8]}",
        f"Silence: docmind alerts silence rule_id={rule_id}{suite} --until 8h --author YOU --reason WHY",
        "All open alerts: docmind alerts list",
    ]


def _message(title: str, lines: Sequence[str], footer: Sequence[str]) -> Message:
    return Message(
        title=title,
        text="\n".join([*(f"- {line}" for line in lines), "", *footer]),
        markdown="\n".join([*(f"- {markdown_text(line)}" for line in lines), "", *map(markdown_text, footer)]),
    )


def _count(changes: Sequence[Transition], notice: str) -> int:
    return sum(change.notice == notice for change in changes)
