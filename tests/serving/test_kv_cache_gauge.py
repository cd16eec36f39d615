from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import kv_cache_gauge, kv_cache_usage_of
from tests.fakes.engine_server import FakeEngine
from tests.serving.loopback import serve


def test_the_fullest_cache_counts_under_the_gauges_name_of_today_and_before():
    """S6: VRAM is flat under preallocation; the use of the KV cache is not."""
    text = """# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
"""
    assert kv_cache_usage_of(text) == 0.5
    assert kv_cache_usage_of("vllm:gpu_cache_usage_perc 0.125\n") == 0.125
    assert kv_cache_usage_of("vllm:num_requests_running 1.0\n") is None


def test_an_engine_without_the_gauge_or_without_an_answer_gives_none():
    with FakeEngine() as engine:
        connection = EngineConnection(base_url=engine.url, model="fake-model", managed=False)
        with kv_cache_gauge(connection) as read:
            assert read() is None
            engine.offers_metrics = False
            assert read() is None
    with kv_cache_gauge(connection) as read:
        assert read() is None


def test_of_several_replicas_the_fullest_cache_counts_and_one_that_is_silent_leaves_it_unknown():
    def metrics(usage):
        return {"/metrics": (200, f"vllm:kv_cache_usage_perc {usage}\n")}

    with serve(metrics(0.25)) as one, serve(metrics(0.5)) as two, serve({}) as silent:
        for last, expected in ((two.url, 0.5), (silent.url, None)):
            connection = EngineConnection(base_url=one.url, further_urls=(last,), model="fake-model", managed=False)
            with kv_cache_gauge(connection) as read:
                assert read() == expected
