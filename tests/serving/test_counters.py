import pytest

from docmind_core.errors import EngineUnreachable
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import Sample, counters_of, read_samples, read_settled_counters
from tests.serving.loopback import serve

SCRAPE = """\
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79534052328e+09
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 0.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="a \\"quoted\\" {name}"} 37.0
vllm:prompt_tokens_total{engine="1",model_name="a \\"quoted\\" {name}"} 3.0
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine="0",model_name="m"} 1.795340641686617e+09
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 2.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 1.0
# TYPE vllm:iteration_tokens_total histogram
vllm:iteration_tokens_total_sum{engine="0",model_name="m"} 99.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 3.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="m"} 0.25
vllm:request_queue_time_seconds_sum{engine="1",model_name="m"} 0.5
# TYPE vllm:request_prefill_kv_computed_tokens histogram
vllm:request_prefill_kv_computed_tokens_bucket{engine="0",le="+Inf",model_name="m"} 3.0
vllm:request_prefill_kv_computed_tokens_count{engine="0",model_name="m"} 3.0
vllm:request_prefill_kv_computed_tokens_sum{engine="0",model_name="m"} 32.0
"""
VALUES = {
    "num_requests_running": 0.0,
    "num_requests_waiting": 0.0,
    "prompt_tokens": 40.0,
    "request_success": 3.0,
    "request_prefill_kv_computed_tokens_sum": 32.0,
    "request_queue_time_seconds_sum": 0.75,
}


def connect(url, **changes):
    return EngineConnection(**{"base_url": url, "model": "m", "managed": True, **changes})


def test_counters_are_summed_over_labels_and_lose_prefix_and_suffix():
    snapshot = counters_of(SCRAPE, base_url="http://e")

    assert snapshot is not None
    assert snapshot.values == VALUES


def test_counters_without_the_total_suffix_have_the_same_names():
    renamed = SCRAPE.replace("prompt_tokens_total", "prompt_tokens").replace("request_success_total", "request_success")

    snapshot = counters_of(renamed, base_url="http://e")

    assert snapshot is not None
    assert snapshot.values == VALUES


def test_another_programs_metrics_are_not_counters():
    assert counters_of("# TYPE python_gc_total counter\npython_gc_total 3\n", base_url="http://e") is None
    assert counters_of("<html>not found</html>", base_url="http://e") is None
    assert counters_of("", base_url="http://e") is None


def test_a_session_lasts_until_the_engine_is_started_again():
    first, later, restarted, elsewhere = (
        counters_of(text, base_url=url)
        for text, url in (
            (SCRAPE, "http://e"),
            (SCRAPE.replace("37.0", "52.0"), "http://e"),
            (SCRAPE.replace("1.795340641686617e+09", "1.795340999999999e+09"), "http://e"),
            (SCRAPE, "http://other"),
        )
    )

    assert first.engine_session == later.engine_session
    assert len({first.engine_session, restarted.engine_session, elsewhere.engine_session}) == 3


def test_a_session_without_creation_times_is_named_by_the_start_of_the_process():
    plain = "\n".join(line for line in SCRAPE.splitlines() if "_created" not in line)

    sessions = {
        counters_of(text, base_url="http://e").engine_session
        for text in (plain, plain.replace("1.79534052328e+09", "1.79534099999e+09"))
    }

    assert len(sessions) == 2


@pytest.mark.parametrize("metric", ["num_requests_running", "num_requests_waiting"])
def test_an_engine_with_requests_is_not_idle(metric):
    busy = SCRAPE.replace(f'{metric}{{engine="0",model_name="m"}} 0.0', f'{metric}{{engine="0",model_name="m"}} 1.0')

    assert counters_of(SCRAPE, base_url="http://e").idle
    assert not counters_of(busy, base_url="http://e").idle


def test_samples_carry_the_kind_of_their_family_and_special_values():
    text = '# TYPE a counter\na{l="x",source="y"} 1e3 1700000000\n'
    text += "# TYPE b histogram\nb_sum +Inf\nnonsense\nc 2\nd NotANumber\n"

    assert list(read_samples(text)) == [
        Sample(name="a", kind="counter", value=1000.0, source="y"),
        Sample(name="b_sum", kind="histogram", value=float("inf")),
        Sample(name="c", kind="untyped", value=2.0),
    ]


async def test_counters_are_read_with_the_key():
    with serve({"/metrics": (200, SCRAPE)}, key="k-1") as server:
        snapshot = await read_settled_counters(connect(server.url, api_key="k-1"), pause_s=0.0)

    assert snapshot.values == VALUES


async def test_an_engine_without_metrics_has_no_counters():
    with serve({}) as server:
        assert await read_settled_counters(connect(server.url)) is None


async def test_counters_have_settled_when_nothing_runs_and_two_scrapes_agree():
    running = SCRAPE.replace('running{engine="0",model_name="m"} 0.0', 'running{engine="0",model_name="m"} 2.0')
    later = SCRAPE.replace("37.0", "60.0")
    with serve({"/metrics": [(200, running), (200, SCRAPE), (200, later), (200, later)]}) as server:
        snapshot = await read_settled_counters(connect(server.url), pause_s=0.0)

    assert snapshot.values["prompt_tokens"] == 63.0
    assert len(server.requests) == 4


async def test_counters_that_do_not_settle_in_time_are_returned_as_busy():
    running = SCRAPE.replace('running{engine="0",model_name="m"} 0.0', 'running{engine="0",model_name="m"} 2.0')
    with serve({"/metrics": (200, running)}) as server:
        snapshot = await read_settled_counters(connect(server.url), timeout_s=0.0, pause_s=0.0)

    assert not snapshot.idle


async def test_an_engine_that_has_gone_is_an_error_and_not_missing_counters():
    with serve({}) as server:
        url = server.url

    with pytest.raises(EngineUnreachable, match="stopped answering"):
        await read_settled_counters(connect(url))


def test_prompt_tokens_by_source_are_counters_of_their_own():
    text = """\
# TYPE vllm:prompt_tokens_by_source_total counter
vllm:prompt_tokens_by_source_total{engine="0",model_name="source=x",source="local_compute"} 5.0
vllm:prompt_tokens_by_source_total{engine="1",model_name="source=x",source="local_compute"} 2.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="source=x",source="local_cache_hit"} 3.0
"""
    assert counters_of(text, base_url="http://e").values == {
        "prompt_tokens_by_source:local_compute": 7.0,
        "prompt_tokens_by_source:local_cache_hit": 3.0,
    }


OTHER = SCRAPE.replace("37.0", "9.0").replace("1.795340641686617e+09", "1.795340641686699e+09")
UNBORN = "\n".join(line for line in SCRAPE.splitlines() if "_created" not in line and "process_start" not in line)
BEHIND = UNBORN.replace("37.0", "9.0")


@pytest.mark.parametrize(
    "scrapes",
    [
        [SCRAPE, OTHER] * 5,
        [SCRAPE, SCRAPE, SCRAPE, OTHER, SCRAPE, SCRAPE],
        [UNBORN, BEHIND] * 5,
        [UNBORN, UNBORN, UNBORN, BEHIND, UNBORN],
    ],
    ids=["in turn", "on a new connection", "in turn, without start times", "new connection, without start times"],
)
async def test_scrapes_that_disagree_while_nothing_runs_are_those_of_several_engines(scrapes):
    """Their session is that of the URL: the next reading may show the other one."""
    answers = [(200, text) for text in scrapes]
    with serve({"/metrics": answers}) as server:
        found = await read_settled_counters(connect(server.url, managed=False), pause_s=0.0)
        answers[:] = [(200, text) for text in reversed(scrapes)]
    with serve({"/metrics": answers}) as other:
        again = await read_settled_counters(connect(other.url, managed=False), pause_s=0.0)

    assert (found.engines_seen, again.engines_seen) == (2, 2)
    assert found.engine_session == counters_of(UNBORN, base_url=server.url).engine_session


async def test_an_engine_whose_counters_only_grow_is_one_whoever_uses_it():
    growing = [(200, SCRAPE.replace("37.0", f"{37 + step}.0")) for step in range(20)]
    with serve({"/metrics": growing}) as server:
        snapshot = await read_settled_counters(connect(server.url, managed=False), timeout_s=0.0, pause_s=0.0)

    assert snapshot.engines_seen == 1
    assert snapshot.engine_session == counters_of(SCRAPE, base_url=server.url).engine_session
