"""The recipes of docs/sql.md on a home with two benchmark runs, and the same home in Python."""

import re
from datetime import UTC, datetime

import pytest

import docmind_core
from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import write_segment
from tests.architecture.source_rules import PROJECT
from tests.builders import make_call_row, make_query_run_row, make_run_row, make_score_row

PAGE = (PROJECT / "docs" / "sql.md").read_text("utf-8")
RECIPES = re.findall(r"### (.+?)\n\n```sql\n(.+?)```", PAGE, flags=re.DOTALL)
ARMS = ("naive_supervisor", "tuned")


def spans_of(run_id: str, query: str) -> list[dict[str, object]]:
    """A query of two seconds, half a second of which it searched."""
    ends = {"invoke_workflow": 2_000_000_000, "retrieval": 500_000_000}
    row = {"run_id": run_id, "query_id": query, "replicate": 0, "t0": 0, "status": "ok"}
    return [{**row, "span_id": op, "op": op, "t1": end} for op, end in ends.items()]


def rows_of(run_id: str, day: int) -> dict[str, list[dict[str, object]]]:
    """One arm of a night: q1 passes, q2 only with `tuned`, q3 fails."""
    run = make_run_row(
        run_id,
        started_at=datetime(2026, 11, day, 2, tzinfo=UTC),
        run_number=day,
        series_key=run_id.split(".")[1],
        git_sha=f"{day}",
        price='{"currency": "USD", "completion": 0.6, "prompt": 0.15}',
    )
    passed = {"q1": 1.0, "q2": float("tuned" in run_id), "q3": None}
    return {
        "runs": [run],
        "query_runs": [
            make_query_run_row(
                query,
                run_id,
                status="failed" if value is None else "answered",
                error_type=None,
                citations='["d1#0", "d2#3"]',
            )
            for query, value in passed.items()
        ],
        "llm_calls": [make_call_row(f"c-{query}", run_id, query_id=query) for query in passed],
        "spans": [span for query in passed for span in spans_of(run_id, query)],
        "measurements": [
            make_score_row("passed", value, query, run_id, scorer_version="1") for query, value in passed.items()
        ],
        "limit_results": [
            {
                "run_id": run_id,
                "limit_name": "pass_ratio_min",
                "metric": "pass_ratio",
                "agent": "all",
                "state": "missed",
                "value": 0.5,
            }
        ],
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("results"))
    for day in (21, 22):
        for arm in ARMS:
            run_id = f"202611{day}T020000Z-smoke-7f3a.{arm}"
            for table, rows in rows_of(run_id, day).items():
                write_segment(settings.tables, table, run_id, rows)
    publish(settings)
    return settings


def test_there_are_sixteen_recipes():
    assert len(RECIPES) == 16


@pytest.mark.parametrize(("title", "sql"), RECIPES, ids=[title for title, _ in RECIPES])
def test_a_recipe_finds_rows(results, title, sql):
    _, rows = query_rows(results, sql)
    assert rows, title


def test_a_home_gives_pandas_and_arrow(results):
    home = docmind_core.open_home(results.home)
    frame = home.pandas("select query_id from query_runs where run_id like $arm order by 1", arm="%21T%.tuned")
    assert list(frame["query_id"]) == ["q1", "q2", "q3"]
    assert home.arrow("from token_efficiency where agent = 'all'").num_rows == 4


def test_a_home_is_read_only_and_says_what_is_wrong(results):
    home = docmind_core.open_home(results.home)
    with pytest.raises(StoreError, match="read-only"):
        home.arrow("create table mine (a integer)")
    with pytest.raises(StoreError, match="nothing_here"):
        home.pandas("from nothing_here")
    with pytest.raises(StoreError, match=r"no database at .* Run a benchmark first"):
        docmind_core.open_home(results.home / "empty").arrow("from runs")
