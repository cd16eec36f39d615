"""A report as data: sections of tables, tiles, sentences and charts, which `rendering.py` lays out.

The JSON of a report is this document; `python -m docmind_core.reports.document > docs/report.schema.json` writes its
JSON Schema from these records.
"""

import json
from collections.abc import Callable
from typing import Annotated, Literal

from markupsafe import Markup
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from docmind_core.reports.cells import DOCUMENTED, Table
from docmind_core.reports.example_queries import ExampleQuery
from docmind_core.reports.headline import Finding
from docmind_core.reports.verdict_tiles import Tile


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Tiles:
    """The figures that a report opens with."""

    kind: Literal["tiles"] = "tiles"
    arm: str
    """The arm that they are of: the one that the limits hold for."""
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Findings:
    """The answer in sentences, the most important one first."""

    kind: Literal["findings"] = "findings"
    findings: tuple[Finding, ...]
    """One per arm, or one for the run: the tokens, what became of quality, and whether the saving may be claimed."""
    ledger: str
    """Whether the tokens equal the engine's own counters."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Text:
    """Paragraphs, or the items of a list."""

    kind: Literal["text"] = "text"
    style: Literal["plain", "muted", "strong", "warning", "list"] = "plain"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Chart:
    """A picture, on the page alone; its figures are in a table of the report or of the database."""

    kind: Literal["chart"] = "chart"
    note: str = ""
    """How to read it."""
    draw: Callable[[], Markup] = Field(exclude=True)
    """Returns it as SVG that tells a screen reader what it shows."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Examples:
    """A few queries in full, in every arm."""

    kind: Literal["examples"] = "examples"
    rule: str
    """How they were chosen."""
    examples: tuple[ExampleQuery, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Terms:
    """What the words and figures mean."""

    kind: Literal["terms"] = "terms"
    terms: tuple[tuple[str, str], ...]
    """Term and meaning."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Listing:
    """A long text, such as a manifest."""

    kind: Literal["listing"] = "listing"
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Span:
    """One call, search or wait of a query."""

    agent: str
    what: str
    """`model call`, `search`, `tool`, or what it waits for."""
    start_s: float
    """After the start of the query."""
    duration_s: float
    first_token_s: float | None = None
    """From the start of a model call to its first token, in which the engine queues it and reads the prompt."""
    tokens: int | None = None
    """Billed tokens of a model call; null where they are not known."""
    is_critical: bool = False
    """Whether it is in the longest chain of work that waits for other work, as `critical_path_s` has it."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Waterfall:
    """One query in time."""

    kind: Literal["waterfall"] = "waterfall"
    title: str
    question: str = ""
    wall_s: float
    spans: tuple[Span, ...]
    left_out: int = 0
    """Spans that are not listed: short waits, and those after the first `SPANS_SHOWN`."""


Block = Annotated[
    Tiles | Findings | Text | Table | Chart | Examples | Terms | Listing | Waterfall, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Section:
    """One part of the page."""

    key: str
    """Its anchor; it does not change with the title."""
    title: str = ""
    """Empty for the first screen."""
    link: str = ""
    """Its title in the list of sections, where another one is shorter."""
    folded: bool = False
    """Whether the page shows it on request only, and paper not at all."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Report:
    """A report of a benchmark run, or of the last hours."""

    schema_version: Literal[1] = 1
    """Grows when a field changes its meaning or goes; new fields come without."""
    about: Literal["benchmark", "period"]
    title: str
    subtitle: str = ""
    benchmark_run: str | None = None
    suite: str | None = None
    arms: tuple[str, ...] = ()
    """In the order of the suite, which is that of the columns."""
    sections: tuple[Section, ...]

    def section(self, key: str) -> Section:
        """Return the section of that key.

        Raises:
            KeyError: If the report has none.
        """
        for section in self.sections:
            if section.key == key:
                return section
        raise KeyError(key)


_REPORT = TypeAdapter(Report)


def report_json(report: Report) -> str:
    """Return the document as JSON on one line, without its pictures; what is not known is left out.

    Indented, more than half of the file would be blanks.
    """
    content = _REPORT.dump_python(report, mode="json", exclude_none=True)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def json_schema() -> str:
    """Return the JSON Schema of `report_json`, as docs/report.schema.json holds it."""
    return json.dumps(_REPORT.json_schema(mode="serialization"), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")  # noqa: T201 - python -m docmind_core.reports.document > docs/report.schema.json
