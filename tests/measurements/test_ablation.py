"""What levers moved, from planted rows: effects, intervals, verdicts and reasons."""

import pytest

from docmind_core.agents.levers import Lever
from docmind_core.errors import StoreError
from docmind_core.measurements.ablation import measure_levers
from docmind_core.measurements.lever_claims import CLAIMS, NO_EDGE
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment
from tests.builders import (
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

KEY = "20261122T020000Z-ablation-7f3a"
COUNTED = {"prompt_tokens": 999.0, "generation_tokens": 999.0}
COLUMNS = ["suite", "model", "started_at", "lever", "edge", "expected", "metric", "effect"]
COLUMNS += ["effect_low", "effect_high", "n", "verdict", "because"]


def write_arm(settings, arm, tokens, *, passed=None, run=None, key=KEY, tables=None, **rows):
    """Write an arm that spent `tokens` on query 0, 1, ...; `rows` are further columns, one value per query."""
    names = [f"q{place}" for place in range(len(tokens))]
    columns = [{name: values[place] for name, values in rows.items()} for place in range(len(tokens))]
    queries = [
        make_query_run_row(name, **{"billed_tokens": spent, "supervisor_tokens": spent, **more})
        for name, spent, more in zip(names, tokens, columns, strict=True)
    ]
    scores = [make_score_row("passed", value, name) for name, value in zip(names, passed or [], strict=False)]
    run_id = f"{key}.{arm}"
    content = {"runs": [make_run_row(run_id, **(run or {}))], "query_runs": queries, "measurements": scores}
    write_rows(settings, {**content, **(tables or {})}, run_id)


def measure(settings, lever, metric, edge=NO_EDGE, key=KEY):
    measure_levers(settings, key)
    holder = min(path.stem for path in (settings.tables / "lever_effects").glob(f"{key}*"))
    (row,) = [
        row
        for row in read_segment(settings.tables, "lever_effects", holder)
        if (row["lever"], row["metric"], row["edge"]) == (lever, metric, edge)
    ]
    return row


def test_a_lever_that_halves_the_tokens_moved_as_claimed(settings):
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000] * 3)
    write_arm(settings, "naive+dedupe", [500, 1000, 2000] * 3)
    row = measure(settings, "dedupe", "reduction_pct")

    assert (row["effect"], row["effect_low"], row["effect_high"]) == pytest.approx((50, 50, 50))
    assert (row["n"], row["expected"], row["verdict"]) == (9, "rises", "moved as claimed")
    assert "naive+dedupe against naive_supervisor: 95 % interval 50 to 50 %, 9 queries in 9 clusters" in row["because"]


def test_hand_off_tokens_are_compared_by_query_where_both_arms_know_them(settings):
    """S10: edge B → K has a number of its own."""
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000], handoff_tokens=[500, 700, 600])
    write_arm(settings, "naive+context_isolation", [900, 1900, 3900], handoff_tokens=[480, 670, None])
    row = measure(settings, "context_isolation", "handoff_tokens", edge="B → K")

    assert (row["effect"], row["n"], row["expected"]) == (-25.0, 2, "falls")
    assert "2 queries in 2 clusters, 1 left out" in row["because"]


@pytest.mark.parametrize(
    ("tokens", "verdict", "because"),
    [
        ([1000, 2000, 4000] * 3, "did not move", "no query changed"),
        ([900, 2100, 4000] * 3, "inconclusive", "the interval contains 0"),
        ([1500, 3000, 6100] * 3, "other way", "interval"),
    ],
)
def test_the_interval_decides_the_verdict(settings, tokens, verdict, because):
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000] * 3)
    write_arm(settings, "naive+dedupe", tokens)
    row = measure(settings, "dedupe", "reduction_pct")

    assert row["verdict"] == verdict
    assert because in row["because"]


def test_what_one_lever_seems_to_move_is_corrected_for_the_number_of_rows(settings):
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000] * 2)
    write_arm(settings, "naive+dedupe", [990, 1980, 3960] * 2)
    write_arm(settings, "naive+no_validation", [1001, 1999, 4000, 1000, 2002, 3999])
    row = measure(settings, "dedupe", "reduction_pct")
    assert (row["p"], row["verdict"]) == (0.03125, "inconclusive")
    assert row["because"].endswith("p 0.031, 0.062 corrected for 2 rows, so it may be due to chance")


def test_leaving_a_lever_out_of_tuned_is_claimed_to_do_the_opposite(settings):
    write_arm(settings, "tuned", [500, 1000, 2000] * 3)
    write_arm(settings, "tuned-dedupe", [1000, 2000, 4000] * 3)
    row = measure(settings, "tuned-dedupe", "reduction_pct")

    assert (row["expected"], row["verdict"]) == ("falls", "moved as claimed")
    assert row["effect"] == pytest.approx(-100)


def test_a_difference_keeps_its_unit_and_a_time_says_that_it_is_one(settings):
    slow, quick, blocks = [0.3, 0.4, 0.5] * 2, [0.1, 0.2, 0.31] * 2, list(range(1, 7))
    write_arm(settings, "naive_supervisor", [1] * 6, coordination_overhead_s=slow, block=blocks)
    write_arm(settings, "naive+parallel_tools", [1] * 6, coordination_overhead_s=quick, block=blocks)
    row = measure(settings, "parallel_tools", "coordination_overhead_s", "B → G")

    assert row["effect"] == pytest.approx(-0.59 / 3)
    assert row["verdict"] == "moved as claimed"
    assert "times of a single run" in row["because"]


def test_a_time_in_fewer_than_six_blocks_is_shown_and_not_judged(settings):
    blocks = [1, 2, 3, 4, 5, 5]
    write_arm(settings, "naive_supervisor", [1] * 6, coordination_overhead_s=[0.5] * 6, block=blocks)
    write_arm(settings, "naive+parallel_tools", [1] * 6, coordination_overhead_s=[0.1] * 6, block=blocks)
    row = measure(settings, "parallel_tools", "coordination_overhead_s", "B → G")

    assert (row["effect"], row["effect_low"], row["verdict"]) == (pytest.approx(-0.4), None, "not_judged")
    assert row["because"] == "not_judged: times in 5 blocks, 6 needed (suite key blocks)"


@pytest.mark.parametrize(
    ("state", "hits", "verdict", "because"),
    [
        ("cold", [0] * 9, "not measurable here", "no lookups of naive+result_cache hit; its caches were cold"),
        ("warm", [2] * 9, "moved as claimed", "9 queries in 9 clusters; its caches were warm at the start"),
    ],
)
def test_caches_that_nothing_was_in_move_nothing_and_say_how_to_measure_them(settings, state, hits, verdict, because):
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000] * 3)
    write_arm(settings, "naive+result_cache", [900, 1800, 3600] * 3, run={"cache_state": state}, cache_hits=hits)
    row = measure(settings, "result_cache", "reduction_pct")

    assert row["verdict"] == verdict
    assert because in row["because"]


def test_effects_appear_once_whatever_arm_was_there_when_they_were_measured_before(settings):
    write_arm(settings, "tuned", [500, 1000, 2000])
    write_arm(settings, "tuned-dedupe", [1000, 2000, 4000])
    measure_levers(settings, KEY)
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000])
    measure_levers(settings, KEY)

    names = [path.stem for path in (settings.tables / "lever_effects").glob(f"{KEY}*")]
    holders = [name for name in names if read_segment(settings.tables, "lever_effects", name)]
    assert holders == [f"{KEY}.naive_supervisor"]


def test_a_query_that_failed_in_one_arm_is_not_a_saving(settings):
    write_arm(settings, "naive_supervisor", [1000, 2000, 4000, 1000])
    write_arm(settings, "naive+dedupe", [900, 1800, 3600, 1], status=["answered", "answered", "answered", "failed"])
    row = measure(settings, "dedupe", "reduction_pct")

    assert (row["n"], row["effect"]) == (3, pytest.approx(10))
    assert "1 left out" in row["because"]


def test_computed_tokens_are_not_compared_where_the_cache_is_unknown(settings):
    for arm, state in (("naive_supervisor", "reset"), ("naive+prefix_order", "unknown")):
        write_arm(
            settings,
            arm,
            [10, 20, 30],
            run={"prefix_cache_state": state},
            prefill_computed_tokens=[5, 6, 7],
            completion_tokens=[1, 1, 1],
        )
    row = measure(settings, "prefix_order", "computed_reduction_pct")
    assert row["because"] == "the state of the engine's prefix cache is unknown (not_exclusive_cache)"


def test_computed_tokens_judge_the_order_of_prompts(settings):
    for arm, prefill in (("naive_supervisor", [9, 19, 29] * 2), ("naive+prefix_order", [4, 9, 14] * 2)):
        write_arm(
            settings,
            arm,
            [10, 20, 30] * 2,
            run={"prefix_cache_state": "reset"},
            prefill_computed_tokens=prefill,
            completion_tokens=[1] * 6,
        )
    row = measure(settings, "prefix_order", "computed_reduction_pct")
    assert (row["effect"], row["verdict"]) == (pytest.approx(50), "moved as claimed")


@pytest.mark.parametrize(("sent", "verdict"), [("the same", "did not move"), ("a shorter one", "moved as claimed")])
def test_an_engine_that_decoded_the_same_requests_faster_was_not_moved_by_the_lever(settings, sent, verdict):
    for arm, speed, request in (("naive_supervisor", 10.0, "the same"), ("naive+context_budget", 20.0, sent)):
        calls = [
            make_call_row(call_id=f"c{place}", query_id=f"q{place}", decode_tps=speed, request_hash=request)
            for place in range(12)
        ]
        tables, blocks = {"llm_calls": calls}, list(range(1, 13))
        write_arm(settings, arm, [10, 20, 30] * 4, run={"prefix_cache_state": "reset"}, tables=tables, block=blocks)
    row = measure(settings, "context_budget", "decode_tps", "C → I")

    assert (row["effect"], row["verdict"]) == (pytest.approx(10), verdict)
    assert ("both arms sent the same requests" in row["because"]) == (sent == "the same")


@pytest.mark.parametrize(
    ("changes", "because"),
    [({"routing": "free"}, "routing differs"), ({"status": "incomplete"}, "naive+dedupe is incomplete")],
)
def test_arms_that_may_not_be_compared_say_why(settings, changes, because):
    write_arm(settings, "naive_supervisor", [1, 2])
    write_arm(settings, "naive+dedupe", [1, 2], run=changes)
    row = measure(settings, "dedupe", "reduction_pct")

    assert (row["verdict"], row["n"]) == ("not measurable here", 0)
    assert because in row["because"]


def test_an_unbalanced_ledger_measures_nothing(settings):
    wrong = {"llm_calls": [make_call_row()], "engine_counters": make_counter_rows(COUNTED)}
    write_arm(settings, "naive_supervisor", [1, 2])
    write_arm(settings, "naive+dedupe", [1, 2], tables=wrong)
    assert "the ledger of naive+dedupe is unbalanced" in measure(settings, "dedupe", "reduction_pct")["because"]


def test_an_arm_that_did_not_run_and_a_lever_that_cannot_are_rows_with_reasons(settings):
    write_arm(settings, "naive_supervisor", [1, 2])
    write_arm(settings, "naive+dedupe", [1, 2])
    absent = measure(settings, "forward_message", "reduction_pct")["because"]
    assert absent == "not in this benchmark run: naive+forward_message (not_compared)"
    refused = measure(settings, "fp8_kv_cache", "decode_tps", "C → J")
    assert (refused["effect"], refused["n"], refused["verdict"]) == (None, 0, "not measurable here")
    assert "the embedded CPU engine has no FP8 KV cache" in refused["because"]


def test_every_edge_of_the_guide_s_chart_and_every_lever_has_a_claim_s10():
    """S10: the edges are the rows of the ablation."""
    edges = {claim.edge for claim in CLAIMS} - {NO_EDGE}
    assert edges == {"A → G", "A → H", "B → G", "B → K", "C → I", "C → J", "D → J", "E → J", "F → I"}
    assert {claim.lever for claim in CLAIMS} == set(Lever)


def test_the_view_shows_the_latest_benchmark_run_with_levers_and_no_other_column(settings):
    for key, tokens in (("20261121T020000Z-ablation-0000", [1, 2]), (KEY, [900, 1800])):
        write_arm(settings, "naive_supervisor", [1000, 2000], key=key)
        write_arm(settings, "naive+dedupe", tokens, key=key)
        measure_levers(settings, key)
    later = "20261123T020000Z-smoke-0000"
    write_arm(settings, "tuned", [1, 2], key=later)

    assert measure_levers(settings, later) == 0
    publish(settings)
    names, rows = query_rows(settings, "select * from ablation where lever = 'dedupe' and n > 0")
    assert names == COLUMNS
    assert [row[COLUMNS.index("effect")] for row in rows] == [pytest.approx(10)]


def test_a_benchmark_run_without_an_arm_is_refused(settings):
    with pytest.raises(StoreError, match="no finished arm"):
        measure_levers(settings, KEY)
