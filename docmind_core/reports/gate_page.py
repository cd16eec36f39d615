"""A gate as text for a terminal, as Markdown for a pull request, as JUnit XML for CI, and as JSON for programs."""

import math
from dataclasses import asdict

from junitparser import Error, Failure, Skipped, TestCase

from docmind_core.measurements.gate import BLOCK, INCONCLUSIVE, PASS, GateResult, GateTest
from docmind_core.metrics.reasons import reason_text
from docmind_core.metrics.signs import signed
from docmind_core.reports.cells import Table, table_row
from docmind_core.reports.number_text import interval_text
from docmind_core.reports.rendering import junit_text, markdown_table
from docmind_core.reports.run_comparison_page import changed_lines, flip_texts
from docmind_core.reports.text_safety import markdown_text, visible_text

SUITE_NAME = "docmind gate"
FLIPS_SHOWN = 5


def verdict_line(result: GateResult) -> str:
    """Say what the gate decided, and what kept it from passing."""
    shown = [f"{test.metric} of {test.arm}: {because(test)}" for test in result.tests if test.state == result.state]
    at = f" at {result.look}" if result.look else ""
    return f"gate: {result.state}{at}" + (f" ({'; '.join(shown)})" if result.state != PASS else "")


def because(test: GateTest) -> str:
    """Return why a test came out as it did, and how many queries would decide where it did not."""
    if test.state != INCONCLUSIVE or test.n_needed is None:
        return reason_text(test.because)
    return f"{reason_text(test.because)}; {test.n_needed:,} queries would decide"


def columns(result: GateResult) -> tuple[str, ...]:
    """Return what `cells` are called: at a look of a sequential gate an interval is wider than one of 95 %."""
    interval = "interval of the look" if result.look else "95 % interval"
    return ("arm", "metric", "state", "difference", interval, "worst loss", "margin", "n", "because")


def cells(test: GateTest) -> tuple[str, ...]:
    """Return a test in words, in the order of `columns`."""
    estimate = test.estimate
    low, high = (None if end is None else _scaled(test, end) for end in (estimate.low, estimate.high))
    return (
        test.arm,
        test.metric,
        test.state,
        _with_unit(test, estimate.value),
        f"{interval_text(low, high, decimals=_decimals(test))} {test.unit}"
        if low is not None and high is not None
        else "none",
        _with_unit(test, test.bound),
        f"{test.margin if _is_amount(test) else 100 * test.margin:g} {test.unit}",
        str(estimate.n),
        because(test),
    )


def markdown(result: GateResult) -> str:
    """Return the gate as Markdown: the decision, every test, what changed, and the worst broken queries."""
    sign = {PASS: "✅", BLOCK: "❌", INCONCLUSIVE: "⚠️"}[result.state]
    rows = tuple(table_row(first, rest) for first, *rest in map(cells, result.tests))
    table = Table(caption="", columns=columns(result), rows=rows, prose=True)
    lines = [f"### {sign} {markdown_text(verdict_line(result))}", "", str(markdown_table(table))]
    for one in result.comparisons:
        lines += ["", f"**{markdown_text(one.candidate_run_id)}** against {markdown_text(one.baseline_run_id)}", ""]
        lines += [f"- {markdown_text(line)}" for line in changed_lines(one)]
        lines += [
            f"- {markdown_text(flip.heading)}: "
            + markdown_text("; ".join(f"{name}: {text}" for name, text in flip.lines))
            for flip in flip_texts(one, FLIPS_SHOWN)
        ]
    return "\n".join(lines) + "\n"


def junit(result: GateResult) -> str:
    """Return the gate as JUnit XML, a case per arm and metric: block is a failure, inconclusive is skipped."""
    cases = []
    for test in result.tests:
        case = TestCase(test.metric, classname=f"docmind.gate.{test.arm}")
        text = "; ".join(f"{name}: {value}" for name, value in zip(columns(result), cells(test), strict=True))
        text += f"; decided at {result.look}" if result.look else ""
        if test.state == BLOCK:
            case.result = [Failure(because(test), "worse")]
        elif test.state == INCONCLUSIVE:
            case.result = [Skipped(because(test), "inconclusive")]
        case.system_out = visible_text(text)
        cases.append(case)
    return junit_text(SUITE_NAME, cases)


def junit_of_refusal(problem: str) -> str:
    """Return JUnit XML with one error: the two runs could not be compared."""
    case = TestCase("comparable", classname="docmind.gate")
    case.result = [Error(visible_text(problem), "not comparable")]
    return junit_text(SUITE_NAME, [case])


def as_json(result: GateResult) -> dict[str, object]:
    """Return the gate with all its numbers, for `json.dumps`."""
    return {
        "state": result.state,
        "look": result.look,
        "tests": [asdict(test) for test in result.tests],
        "runs": [
            {"candidate_run_id": one.candidate_run_id, "baseline_run_id": one.baseline_run_id}
            for one in result.comparisons
        ],
    }


def _is_amount(test: GateTest) -> bool:
    return test.unit not in {"%", "points"}


def _decimals(test: GateTest) -> int:
    return 3 if _is_amount(test) else 1


def _scaled(test: GateTest, value: float) -> float:
    return value if _is_amount(test) else 100.0 * (math.expm1(value) if test.is_ratio else value)


def _with_unit(test: GateTest, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{signed(_scaled(test, value), f'+.{_decimals(test)}f')} {test.unit}"
