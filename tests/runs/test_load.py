"""How many calls an arm kept in flight, and what is said when they are too few."""

import asyncio
from dataclasses import replace

import pytest

from docmind_core.errors import UsageError
from docmind_core.reports.arm_notices import load_sentence
from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.runs.arm_row import ArmLoad
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.places import AdaptiveLimit, EngineLoad, Places, load_of, load_reader
from tests.runs.running import run, select
from tests.serving.loopback import serve

SCRAPE = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0"} 3.0
vllm:num_requests_running{engine="1"} 2.0
vllm:num_requests_waiting{engine="0"} 1.0
vllm:num_requests_waiting{engine="1"} 4.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5
"""


def load(concurrency, *queries):
    found = ArmLoad(concurrency=concurrency)
    for row, spans in queries:
        found.add_query(row, spans)
    return found


def query(start, *calls, block=1, because=None):
    root = {"parent_id": None, "op": "invoke_workflow", "t0": start, "t1": 99}
    spans = [root, *({**root, "parent_id": "root", "op": "chat", "t0": t0, "t1": t1} for t0, t1 in calls)]
    return {"block": block, "times_missing_because": because}, spans


def test_calls_are_counted_while_there_are_queries_to_begin():
    """Two places: from 0, when the first two begin, to 10, when the last one does; what comes later is left out."""
    queries = [query(0, (0, 10)), query(0, (2, 8), (9, 30)), query(10, (12, 40))]
    assert load(2, *queries).achieved_concurrency() == ((10 + 6 + 1) / 10, None)


def test_blocks_are_added_up_and_blocks_without_more_queries_than_places_say_nothing():
    first, second = [query(0, (0, 4)), query(4, (4, 5))], [query(10, (12, 16), block=2), query(16, (16, 17), block=2)]
    found = load(1, *first, *second, query(20, (20, 30), block=3))
    assert found.achieved_concurrency() == ((4 + 4) / (4 + 6), None)


@pytest.mark.parametrize(
    ("queries", "because"),
    [
        ([query(0, (0, 9)), query(5, (5, 9))], "n_too_small"),
        ([query(0), query(1), query(2)], "no_model_call"),
        ([query(0, (0, 9), because="resumed"), query(1, (1, 9))], "resumed"),
    ],
)
def test_what_can_not_be_known_has_a_reason(queries, because):
    columns = load(2, *queries).columns()
    assert (columns["achieved_concurrency"], columns["concurrency_missing_because"]) == (None, because)


def test_calls_of_unknown_queries_leave_the_load_unknown():
    found = load(1, query(0, (0, 9)), query(1, (1, 9)))
    found.add_calls([{"query_id": "a"}])
    assert found.columns()["concurrency_missing_because"] is None
    found.add_calls([{"query_id": None}])
    assert found.columns()["concurrency_missing_because"] == "unattributed"


def test_samples_say_within_which_limit_calls_were_in_flight_and_how_late_the_platform_was():
    found = load(1)
    found.add_samples([{"in_flight_limit": 4, "loop_lag_s": 0.2}, {"source": "engine"}])
    found.add_samples([{"in_flight_limit": 8, "loop_lag_s": 0.1}])
    columns = found.columns()
    assert [columns[name] for name in ("in_flight_min", "in_flight_max", "loop_lag_max_s")] == [4, 8, 0.2]


def test_a_run_says_how_many_calls_it_kept_in_flight_and_warns_below_four_fifths(home, make_suite):
    key = run(home, make_suite(arms=["single_pass"], concurrency=1, replicates=2))
    ((achieved, because, low, high),) = select(
        home, "select achieved_concurrency, concurrency_missing_because, in_flight_min, in_flight_max from runs"
    )
    assert 0 < achieved <= 1
    assert (because, low, high) == (None, 1, 1)
    assert select(home, "select achieved_concurrency from latency_summary where agent = 'all'") == [(achieved,)]

    records = read_benchmark(home, key)
    arm = replace(records.arms[0], achieved_concurrency=0.79, loop_lag_max_s=0.1)
    low = load_sentence(replace(records, arms=(arm,)))
    assert low.startswith("Load below the configured concurrency: single_pass kept 0.8 of 1 calls in flight (79 %).")
    assert load_sentence(replace(records, arms=(replace(arm, achieved_concurrency=0.81),))) is None
    few = replace(records, arms=(arm,), query_runs=records.query_runs[:3])
    assert load_sentence(few) is None, "three queries don't fill a place"


async def test_places_are_given_in_order_up_to_a_limit_that_may_change():
    places, begun, go_on = Places(1), [], asyncio.Event()

    async def work(number):
        async with places:
            begun.append(number)
            await go_on.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert (begun, places.locked()) == ([0], True)
    places.set_limit(3)
    await asyncio.sleep(0)
    assert (begun, places.most_taken()) == ([0, 1, 2], 3)
    places.set_limit(1)
    tasks[3].cancel()
    go_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (begun, places.taken, places.locked()) == ([0, 1, 2], 0, False)


def test_the_limit_doubles_until_calls_wait_then_adds_one_and_falls_by_a_quarter():
    limit, free = AdaptiveLimit(limit=4, most=20), EngineLoad(running=4, waiting=0, kv_usage=0.2)
    full = replace(free, waiting=9)

    def judge(gauges, most_taken=99, lag_s=0.0):
        return limit.judge(gauges, most_taken=most_taken, lag_s=lag_s)

    assert [judge(free), judge(free, most_taken=7), judge(free)] == [8, 8, 16]
    assert [judge(full), judge(full), judge(free), judge(free)] == [12, 12, 13, 14]
    assert judge(replace(free, kv_usage=0.96)) == 10
    judge(free, most_taken=0)
    assert judge(free, lag_s=1.0) == 7
    assert [judge(free) for _ in range(20)][-1] == 20


def test_gauges_of_several_engines_are_added_up_and_a_server_without_them_has_no_load():
    assert load_of(SCRAPE) == EngineLoad(running=5.0, waiting=5.0, kv_usage=0.5)
    assert load_of("llamacpp:requests_deferred 3\n") is None


async def test_of_several_replicas_the_one_where_most_calls_wait_sets_the_limit():
    def metrics(waiting):
        text = f"vllm:num_requests_running 8.0\nvllm:num_requests_waiting {waiting}\nvllm:kv_cache_usage_perc 0.25\n"
        return {"/metrics": (200, text)}

    with serve(metrics(0.0)) as one, serve(metrics(3.0)) as two, serve({}) as silent:
        known = EngineConnection(base_url=one.url, further_urls=(two.url,), model="m", managed=False)
        async with load_reader(known) as read, load_reader(replace(known, further_urls=(silent.url,))) as read_part:
            load = await read()
            assert await read_part() is None

    assert load == EngineLoad(running=16.0, waiting=3.0, kv_usage=0.25)
    # A tenth of the 20 calls that each of the two has: 2.
    assert AdaptiveLimit(limit=40, replicas=2).judge(load, most_taken=40, lag_s=0.0) == 30
    assert AdaptiveLimit(limit=40, replicas=1).judge(load, most_taken=40, lag_s=0.0) == 80


def test_auto_is_refused_where_the_engine_has_no_gauges(home, make_suite, engine):
    engine.offers_metrics = False
    with pytest.raises(UsageError, match=r"concurrency: auto needs the gauges .* Set a number"):
        run(home, make_suite(arms=["single_pass"], concurrency="auto"))
    assert engine.requests == []


def test_an_arm_at_auto_is_recorded_with_the_range_of_its_limit(home, make_suite):
    run(home, make_suite(arms=["single_pass"], concurrency="auto"))
    columns = "concurrency, in_flight_min, in_flight_max, conditions->>'concurrency', status"
    assert select(home, f"select {columns} from runs") == [(None, 4, 4, "auto", "finished")]
