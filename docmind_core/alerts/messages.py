"""What people are told: one message per benchmark run and channel, plain and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.alerts.evaluation import Evaluation
from docmind_core.alerts.lifecycle import FIRING, REPEAT, RESOLVED
from docmind_core.reports.text_safety import markdown_text, one_line, shortened

LINES_MAX = 50
TEXT_CHARACTERS = 300
_WORDS = {FIRING: "firing", REPEAT: "still firing", RESOLVED: "resolved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An alert that has changed its state, or is worth a reminder."""

    evaluation: Evaluation
    from_state: str
    to_state: str
    notice: str | None
    """`firing`, `repeat` or `resolved`; None when nobody needs to know."""
    first_seen: str
    first_run: str
    """Benchmark run that opened the episode."""
    peak: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in both forms."""

    title: str
    text: str
    markdown: str


def compose(benchmark_run: str, changes: Sequence[Transition], report: Path) -> Message:
    """Make one message of all changes of a benchmark run, firing ones first."""
    order = (FIRING, REPEAT, RESOLVED)
    ordered = sorted(changes, key=lambda change: order.index(change.notice or RESOLVED))
    lines = [_line(change) for change in ordered[:LINES_MAX]]
    if len(ordered) > LINES_MAX:
        lines.append(f"and {len(ordered) - LINES_MAX} more")
    counts = [f"{_count(changes, notice)} {word}" for notice, word in _WORDS.items() if _count(changes, notice)]
    title = f"DocMind Eval: {', '.join(counts)} in {one_line(benchmark_run)}"
    footer = [f"Report: {report}", "Look closer: docmind alerts list"]
    return Message(
        title=title,
        text="\n".join([*(f"- {line}" for line in lines), "", *footer]),
        markdown="\n".join([*(f"- {markdown_text(line)}" for line in lines), "", *map(markdown_text, footer)]),
    )


def compose_test(channel: str) -> Message:
    """Return the message that only shows that a channel works."""
    text = f"Test of the channel {one_line(channel)}: nothing is wrong, somebody asked whether this arrives."
    return Message(title="DocMind Eval: test message", text=text, markdown=markdown_text(text))


def _line(change: Transition) -> str:
    evaluation = change.evaluation
    labels = ", ".join(f"{name} {value}" for name, value in evaluation.labels.items())
    parts = [
        f"{_WORDS[change.notice or RESOLVED].upper()} [{evaluation.rule.severity}] {evaluation.rule.rule_id} ({labels})"
    ]
    parts += [text for text in (_measured(evaluation), evaluation.reason) if text]
    parts.append(f"since {change.first_seen[:16]} UTC, run {change.first_run}")
    return shortened(one_line("; ".join(parts)), characters=TEXT_CHARACTERS)


def _measured(evaluation: Evaluation) -> str | None:
    rule = evaluation.rule
    if evaluation.value is None or rule.threshold is None:
        return None
    interval = ""
    if evaluation.low is not None and evaluation.high is not None and evaluation.low < evaluation.high:
        interval = f" (95 % interval {evaluation.low:.4g} to {evaluation.high:.4g})"
    side = "at least" if rule.is_minimum else "at most"
    return f"{evaluation.value:.4g}{interval}, limit {side} {rule.threshold:.4g}, n {evaluation.n}"


def _count(changes: Sequence[Transition], notice: str) -> int:
    return sum(change.notice == notice for change in changes)
