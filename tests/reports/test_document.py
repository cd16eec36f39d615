"""The report as data: what a program reads, and that each figure can be asked for again."""

import json
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import jsonschema
import pytest

from docmind_core.errors import StoreError
from docmind_core.reports.benchmark import write_rendered
from docmind_core.reports.cells import Cell, Table, figure, missing, table_row
from docmind_core.reports.document import Report, Section, json_schema
from docmind_core.reports.rendering import report_html, report_junit, report_markdown
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.reading import query_rows
from tests.architecture.source_rules import PROJECT
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables, settings_of


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> SimpleNamespace:
    """A home with a planted run, and its report as JSON."""
    settings, tables = settings_of(tmp_path_factory.mktemp("document")), planted_tables()
    tables["query_runs"][0] |= {"wall_s": None, "times_missing_because": "resumed"}
    tables["query_runs"][1] |= {"fallback": True, "fallback_because": "planner failed"}
    plant(settings, tables)
    path = write_rendered(settings, BENCHMARK_RUN, "json")
    return SimpleNamespace(settings=settings, report=json.loads(path.read_text("utf-8")))


def rows_of(report: dict) -> list[dict]:
    return [
        row
        for section in report["sections"]
        for block in section["blocks"]
        if block["kind"] == "table"
        for row in block["rows"]
    ]


def test_the_json_of_a_report_is_what_its_schema_says(planted):
    schema = json.loads(json_schema())
    jsonschema.validate(planted.report, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(planted.report | {"sections": [{"title": "no key"}]}, schema)


def test_the_written_schema_is_that_of_the_records():
    written = (PROJECT / "docs" / "report.schema.json").read_text("utf-8")
    assert written == json_schema(), "python -m docmind_core.reports.document > docs/report.schema.json"


def test_the_sql_of_each_figure_gives_that_figure(planted):
    arms, checked = planted.report["arms"], set()
    for row in rows_of(planted.report):
        if "source" in row and len(row["cells"]) == len(arms):
            _, found = query_rows(Settings(home=planted.settings.home), row["source"]["sql"])
            values = dict(found)
            for arm, cell in zip(arms, row["cells"], strict=True):
                if "number" in cell:
                    assert values[arm] == pytest.approx(cell["number"]), (row["heading"], arm)
                    checked.add(row["key"])
    assert checked >= {"answered", "billed_tokens", "reduction_pct", "single_pass_ratio", "passed", "wall_p50_s"}


def test_tables_whose_rows_are_not_one_figure_per_arm_have_one_query_that_gives_them_again(planted):
    queries = {
        section["key"]: block["sql"]
        for section in planted.report["sections"]
        for block in section["blocks"]
        if block["kind"] == "table" and block["sql"]
    }
    assert queries.keys() >= {"why", "opponents", "quality", "queries", "failures", "ledger"}
    found = {key: query_rows(Settings(home=planted.settings.home), sql) for key, sql in queries.items()}
    assert all(rows for _, rows in found.values())
    names, rows = found["why"]
    billed = {(row[0], row[1]): row[names.index("billed")] for row in rows}
    table = next(
        block for block in planted.report["sections"][1]["blocks"] if block.get("folded") == "Figures by agent"
    )
    arm, shown = "", {}
    for row in table["rows"]:
        arm = arm if row["cells"] else row["heading"]
        if row["cells"]:
            shown[arm, row["heading"].replace("all agents", "all")] = row["cells"][4].get("number")
    assert shown == pytest.approx(billed)


def test_the_json_has_no_blanks_for_the_eye(planted):
    text = write_rendered(planted.settings, BENCHMARK_RUN, "json").read_text("utf-8")
    assert text.count("\n") == 1
    assert len(text) < 0.5 * len(json.dumps(json.loads(text), ensure_ascii=False, indent=2))


def test_a_link_to_a_folded_section_leads_inside_the_fold_so_that_a_browser_opens_it(planted):
    page = write_rendered(planted.settings, BENCHMARK_RUN, "html").read_text("utf-8")
    folded = [section["key"] for section in planted.report["sections"] if section["folded"]]
    assert {"ledger", "what-ran", "definitions"} <= set(folded)
    for key in folded:
        before, found, _ = page.partition(f' id="{key}"')
        assert found
        assert before.count("<details>") == before.count("</details>") + 1, key


def test_every_link_of_the_page_leads_to_one_place_on_it(planted):
    page = write_rendered(planted.settings, BENCHMARK_RUN, "html").read_text("utf-8")
    links, ids = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r' id="([^"]+)"', page)
    assert [link for link in links if ids.count(link) != 1] == []
    tiles = page.partition('<ul class="tiles">')[2].partition("</ul>")[0]
    assert len(re.findall('href="#s', tiles)) == 4


def test_a_program_reads_numbers_with_unit_interval_and_count(planted):
    by_key = {row["key"]: row for row in rows_of(planted.report)}
    _, naive, tuned = by_key["reduction_pct"]["cells"]
    assert tuned["number"] == pytest.approx(69.88, abs=0.01)
    assert (tuned["unit"], tuned["text"]) == ("%", "70 %")
    assert tuned["low"] < tuned["number"] < tuned["high"]
    assert naive["text"] == "is the baseline"
    single, _, _ = by_key["wall_p50_s"]["cells"]
    assert (single["n"], single["total"], single["unit"]) == (3, 4, "s")
    late = by_key["wall_p95_s"]["cells"][1]
    assert "number" not in late
    assert (late["because"], late["text"]) == ("n_too_small", "a p95 needs 130 values, got 4")


@pytest.mark.parametrize("number", [None, float("nan"), float("inf")])
def test_a_figure_without_a_finite_number_says_that_it_was_not_measured(number):
    cell = figure(Estimate(value=number, low=0.1, high=0.2, n=3, because="no_gold"), "1", words="fine")
    assert (cell.number, cell.low, cell.text, cell.note, cell.is_missing) == (
        None, None, "not measured: no gold in the query set", "", True,
    )  # fmt: skip


def limits_report(*states: str) -> Report:
    rows = [table_row(f"limit{place}", ["1.00", Cell(words=state)], key=state) for place, state in enumerate(states)]
    table = Table(caption="Limits", columns=("metric", "value", "state"), rows=tuple(rows))
    section = Section(key="scorecard", title="Limits", blocks=(table,))
    return Report(about="benchmark", title="t", benchmark_run="k", sections=(section,))


def test_limits_are_test_cases_of_junit():
    text = report_junit(limits_report("met", "missed", "undecided", "not measured", "–"))
    cases = ET.fromstring(text).findall(".//testcase")
    assert [[child.tag for child in case if child.tag != "system-out"] for case in cases] == [
        [], ["failure"], ["skipped"], ["skipped"],
    ]  # fmt: skip


def test_hostile_words_stay_text_in_every_rendering():
    hostile = "<script>\x1b[31m|`"
    rows = (table_row(hostile, [Cell(words=hostile, remark=hostile), missing(hostile, "s")]),)
    table = Table(caption=hostile, columns=("a", "b", "state"), rows=rows)
    report = Report(about="period", title=hostile, sections=(Section(key="scorecard", title=hostile, blocks=(table,)),))
    assert "<script>" not in report_html(report)
    assert "\x1b" not in report_html(report) + report_markdown(report) + report_junit(report)
    assert "<script>" not in report_markdown(report)


def test_a_home_without_a_database_says_to_run_a_benchmark_first(tmp_path):
    with pytest.raises(StoreError, match="docmind bench smoke"):
        write_rendered(settings_of(tmp_path), BENCHMARK_RUN, "html")
