"""Jinja environments in which every value is made safe unless it says that it already is."""

from collections.abc import Iterable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from docmind_core.reports.text_safety import markdown_block, markdown_text, visible_text
from docmind_core.reports.text_table import TextTable


@cache
def html_environment() -> Environment:
    """Escape for HTML; control characters become visible."""
    return Environment(
        loader=PackageLoader("docmind_core.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible_text(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
    environment.filters["table"] = markdown_table
    environment.filters["block"] = lambda text: Markup(markdown_block(text))  # noqa: S704
    return environment


def markdown_table(table: TextTable) -> Markup:
    """Lay a table out as a GitHub table; a row that opens a group is set bold."""
    width = len(table.columns)
    lines = [_line(markdown_text(name) for name in table.columns)]
    lines.append(_line(["---"] + ["---" if table.prose else "---:"] * (width - 1)))
    for row in table.rows:
        heading = markdown_text(row.heading)
        cells = [markdown_text(str(cell)) for cell in row.cells] or [""] * (width - 1)
        lines.append(_line([heading if row.cells else f"**{heading}**", *cells]))
    return Markup("\n".join(lines))  # noqa: S704


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
