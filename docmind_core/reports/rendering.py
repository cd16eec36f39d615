"""The renderers of a report; every value is made safe unless it says that it already is."""

from collections.abc import Iterable, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite
from markupsafe import Markup

from docmind_core.measurements.limit_results import MET, MISSED, NOT_JUDGED
from docmind_core.reports.cells import Row, Table, table_row
from docmind_core.reports.document import Report, Span, Tiles, Waterfall
from docmind_core.reports.number_text import counted, duration_text
from docmind_core.reports.text_safety import markdown_block, markdown_text, shortened, visible_text


def report_html(report: Report) -> str:
    """Return the report as one page without scripts."""
    return html_environment().get_template("report.html.j2").render(report=report)


def report_markdown(report: Report) -> str:
    """Return the report as Markdown, without its pictures."""
    return markdown_environment().get_template("report.md.j2").render(report=report).rstrip() + "\n"


def report_junit(report: Report) -> str:
    """Return the limits of a benchmark run as JUnit XML: a missed one failed, one that is not decided was skipped."""
    tables = [block for block in report.section("scorecard").blocks if isinstance(block, Table)]
    cases = [case for table in tables for row in table.rows if (case := _case(table, row))]
    return junit_text(f"docmind report {report.benchmark_run}", cases)


def _case(table: Table, row: Row) -> TestCase | None:
    named = dict(zip(table.columns[1:], row.cells, strict=False))
    if not named or named["state"].text in (NOT_JUDGED, "–"):
        return None
    state = named["state"]
    kind = visible_text(state.text)
    case = TestCase(visible_text(row.heading), classname="docmind.limits")
    said = "; ".join(f"{name}: {cell}" for name, cell in named.items())
    if state.text == MISSED:
        case.result = [Failure(visible_text(said), kind)]
    elif state.text != MET:
        case.result = [Skipped(visible_text(state.note or said), kind)]
    case.system_out = visible_text(said)
    return case


def junit_text(name: str, cases: Sequence[TestCase]) -> str:
    """Return JUnit XML of one suite."""
    suite = TestSuite(name)
    for case in cases:
        suite.add_testcase(case)
    document = JUnitXml(name)
    document.add_testsuite(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + str(document.tostring(), "utf-8") + "\n"  # type: ignore[no-untyped-call]


@cache
def html_environment() -> Environment:
    """Escape for HTML; control characters become visible."""
    environment = Environment(
        loader=PackageLoader("docmind_core.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible_text(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= _TEXTS
    environment.filters["left"] = lambda span, block: f"{100 * span.start_s / (block.wall_s or 1.0):.2f}"
    environment.filters["wide"] = _wide
    return environment


@cache
def markdown_environment() -> Environment:
    """Escape for Markdown; `Markup` marks what is Markdown already."""
    environment = Environment(
        loader=PackageLoader("docmind_core.reports"),
        autoescape=False,  # noqa: S701 - finalize escapes every value
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else markdown_text(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= _TEXTS
    environment.filters["table"] = markdown_table
    environment.filters["tiles_table"] = _tiles_table
    environment.filters["spans_table"] = _spans_table
    environment.filters["block"] = lambda text: Markup(markdown_block(text))  # noqa: S704
    return environment


def markdown_table(table: Table) -> Markup:
    """Lay a table out as a GitHub table; a row that opens a group is set bold."""
    width = len(table.columns)
    lines = [_line(markdown_text(name) for name in table.columns)]
    lines.append(_line(["---"] + ["---" if table.prose else "---:"] * (width - 1)))
    for row in table.rows:
        heading = markdown_text(row.heading)
        cells = [markdown_text(str(cell)) for cell in row.cells] or [""] * (width - 1)
        lines.append(_line([heading if row.cells else f"**{heading}**", *cells]))
    return Markup("\n".join(lines))  # noqa: S704


def _tiles_table(block: Tiles) -> Table:
    rows = [
        table_row(tile.label, [tile.figure.text, f"{tile.icon} {tile.word}", tile.figure.note, tile.change])
        for tile in block.tiles
    ]
    return Table(caption="", columns=(block.arm, "value", "verdict", "note", "before"), rows=tuple(rows), prose=True)


def _spans_table(block: Waterfall) -> Table:
    rows = [
        table_row(
            span.agent,
            [
                f"{span.what}, critical path" if span.is_critical else span.what,
                duration_text(span.start_s),
                duration_text(span.duration_s),
                "" if span.tokens is None else f"{span.tokens:,}",
            ],
        )
        for span in block.spans
    ]
    return Table(caption="", columns=("agent", "what", "start", "took", "tokens"), rows=tuple(rows))


def _wide(span: Span, block: Waterfall, part: str = "duration_s") -> str:
    """Return the width of a bar in percent; one that took no time to speak of stays visible."""
    return f"{max(100 * getattr(span, part) / (block.wall_s or 1.0), 0.4):.2f}"


_TEXTS = {"shortened": shortened, "counted": counted, "seconds": duration_text}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
