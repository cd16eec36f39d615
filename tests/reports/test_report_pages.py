"""The page over all reports: where each suite and arm is, and where it comes from."""

import re

import pytest

from docmind_core.reports.report_pages import list_page, sparkline
from tests.reports.planted_run import plant, planted_tables, renamed, run_id_of, settings_of

NEWER = "20261123T020000Z-smoke-aaaa"


def test_each_arm_has_its_newest_figures_a_trend_and_the_state_of_its_limits(tmp_path):
    settings, tables = settings_of(tmp_path), planted_tables(("single_pass", "naive_supervisor"))
    limits = [
        {
            "run_id": run_id_of("single_pass"),
            "limit_name": name,
            "metric": name,
            "agent": "all",
            "value": 0.5,
            "dimension": "quality",
            "statistic": "mean",
            "side": "at least",
            "is_hard": False,
            "state": state,
            "because": "planted",
        }
        for name, state in (("passed", "missed"), ("token_f1", "met"))
    ]
    # one limit that holds for each agent
    limits += [limits[1] | {"agent": "x", "state": "undecided"}, limits[1] | {"agent": "y"}]
    newer = renamed(tables | {"limit_results": limits}, NEWER)
    newer["runs"] = [row | {"started_at": row["started_at"].replace(day=23)} for row in newer["runs"]]
    newer["query_runs"] = [row | {"billed_tokens": 860} for row in newer["query_runs"]]
    plant(settings, {table: [*tables.get(table, []), *newer[table]] for table in newer})
    (settings.reports / NEWER).mkdir(parents=True)
    (settings.reports / NEWER / "index.html").touch()
    page = list_page(settings)

    assert f'<a href="{NEWER}/index.html">' in page
    assert "1 missed, 1 undecided<" in page
    assert "860<svg" in page
    assert 'aria-label="tokens per query in the last 2 runs of single_pass: from 430 to 860' in page
    assert page.count('class="spark"') == 4


@pytest.mark.parametrize(
    ("values", "series", "moves"),
    [
        ((1.0, 2.0, 3.0), "aaa", "MLL"),
        ((1.0, None, 3.0, 4.0), "aaaa", "MML"),
        ((1.0, 2.0, 3.0), "aab", "MLM"),
    ],
    ids=["one series", "a value that is not known", "other conditions"],
)
def test_a_trend_breaks_where_two_runs_are_not_comparable(values, series, moves):
    path = re.search(r' d="([^"]*)"', sparkline(values, series, "x")).group(1)
    assert "".join(re.findall("[ML]", path)) == moves


def test_a_trend_escapes_names_and_needs_two_values():
    assert "<b>" not in sparkline((1.0, 2.0), "aa", "<b>")
    assert sparkline((1.0, None), "aa", "x") == ""
