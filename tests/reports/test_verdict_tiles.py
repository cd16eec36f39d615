from pathlib import Path

import pytest

from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.history import HISTORY_METRICS, ArmHistory
from docmind_core.reports.limits_table import read_scorecard
from docmind_core.reports.query_table import query_table
from docmind_core.reports.verdict_tiles import BAD, GOOD, OPEN, PLAIN, Tile, verdict_tiles
from docmind_core.settings import Settings
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables, run_id_of, settings_of


def tiles_of(settings: Settings, tables: dict, history: ArmHistory | None = None) -> dict[str, Tile]:
    plant(settings, tables)
    records = read_benchmark(settings, BENCHMARK_RUN)
    tiles = verdict_tiles(records, read_scorecard(settings, records), [history] if history else [])
    return {tile.label: tile for tile in tiles}


def history_of(arm: str, *, new_series: tuple[int, ...] = (), baseline: int | None = None) -> ArmHistory:
    values = dict.fromkeys(HISTORY_METRICS, (0.25, None, 0.5, 0.5))
    return ArmHistory(
        arm=arm, run_ids=("a", "b", "c", "d"), values=values, new_series=new_series, new_origin=(),
        baseline=baseline, limits={},
    )  # fmt: skip


def test_an_arm_that_answered_nothing_has_a_red_tile_and_no_figures(tmp_path: Path):
    tables = planted_tables(("single_pass",))
    lost = {
        "status": "failed", "answer": None, "billed_tokens": None, "tokens_missing_because": "no_usage",
        "wall_s": None, "times_missing_because": "call_failed",
    }  # fmt: skip
    tables["query_runs"] = [row | lost for row in tables["query_runs"]]
    tables["measurements"] = []
    tiles = tiles_of(settings_of(tmp_path), tables)
    assert (tiles["answered"].figure.text, tiles["answered"].word, tiles["answered"].colour) == ("0 of 4", "none", BAD)
    assert {tiles[label].colour for label in ("passed", "tokens per query", "median time per query")} == {OPEN}
    assert {tiles[label].figure.text for label in ("passed", "tokens per query", "median time per query")} == {"–"}


def test_what_no_limit_judges_has_no_colour(tmp_path: Path):
    tiles = tiles_of(settings_of(tmp_path), planted_tables(("single_pass",)))
    assert (tiles["answered"].colour, tiles["ledger"].colour) == (GOOD, GOOD)
    assert (tiles["tokens per query"].figure.text, tiles["tokens per query"].colour) == ("430", PLAIN)
    assert tiles["limits"].word == "not judged"
    assert "p95 needs 130 queries" in tiles["median time per query"].figure.note


@pytest.mark.parametrize(
    ("new_series", "baseline", "change"),
    [
        ((), None, "0.50 in the previous run"),
        ((), 0, "+0.25 since the baseline (0.25)"),
        ((2,), 0, "0.50 in the previous run"),
        ((3,), 0, ""),
        ((), 1, ""),
    ],
    ids=[
        "the run before",
        "the baseline comes first",
        "a baseline of other conditions",
        "conditions changed",
        "unknown",
    ],
)
def test_a_tile_names_an_earlier_value_only_under_the_same_conditions(tmp_path, new_series, baseline, change):
    history = history_of("single_pass", new_series=new_series, baseline=baseline)
    tiles = tiles_of(settings_of(tmp_path), planted_tables(("single_pass",)), history)
    assert tiles["passed"].change == change


def test_all_queries_are_listed_with_failed_disputed_and_wrong_ones_first(tmp_path: Path):
    settings, tables = settings_of(tmp_path), planted_tables()
    for row in tables["query_runs"]:
        if row["run_id"] == run_id_of("tuned") and row["query_id"] == "q0003":
            row |= {"status": "failed", "answer": None, "error_type": "CallTimeout"}
    for row in tables["measurements"]:
        if row["run_id"] == run_id_of("single_pass") and row["metric"] == "passed" and row["query_id"] == "q0002":
            row["value"] = 1.0
    plant(settings, tables)
    records = read_benchmark(settings, BENCHMARK_RUN)
    table = query_table(settings, records, records.arms[-1])
    assert [row.heading[:5] for row in table.rows] == ["q0003", "q0002", "q0000", "q0001"]
    assert [cell.text for cell in table.rows[0].cells] == ["✓ right", "✓ right", "failed", "not available"]
    assert [cell.text for cell in table.rows[1].cells] == ["✓ right", "✗ wrong", "✗ wrong", "not available"]
