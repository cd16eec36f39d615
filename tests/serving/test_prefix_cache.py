import json
from contextlib import contextmanager

import pytest

from docmind_core.errors import EngineUnreachable
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.engine_preparation import RESET_TRIES, reset_prefix_cache, warm_up
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.serving.loopback import serve

ROUTE = "POST /reset_prefix_cache"
DONE, REFUSED = json.dumps({"success": True}), json.dumps({"success": False})


def connect(url, *, resettable=True):
    return EngineConnection(base_url=url, model="fake-model", managed=True, prefix_cache_resettable=resettable)


async def reset(answers, **changes):
    """Whether the cache was emptied, and what was asked."""
    with serve(answers) as server:
        done = await reset_prefix_cache(connect(server.url, **changes), pause_s=0.0)
    return done, server.requests


async def test_the_prefix_cache_is_emptied_once_where_the_engine_allows_it():
    assert await reset({"/reset_prefix_cache": (200, DONE)}) == (True, [ROUTE])


async def test_a_foreign_engines_cache_is_left_alone():
    assert await reset({"/reset_prefix_cache": (200, DONE)}, resettable=False) == (False, [])


async def test_an_engine_that_still_holds_blocks_is_asked_again():
    """vLLM answers HTTP 200 with success false then."""
    done, requests = await reset({"/reset_prefix_cache": [(200, REFUSED), (200, REFUSED), (200, DONE)]})
    assert (done, requests.count(ROUTE)) == (True, 3)


@pytest.mark.parametrize("answer", ["", "{}", REFUSED, "done", "[]"])
async def test_an_answer_that_does_not_say_so_is_not_a_reset(answer):
    done, requests = await reset({"/reset_prefix_cache": (200, answer)})
    assert (done, requests.count(ROUTE)) == (False, RESET_TRIES)


async def test_a_missing_reset_route_is_not_a_reset():
    assert await reset({}) == (False, [ROUTE])


async def test_an_engine_that_has_gone_is_an_error():
    with serve({}) as server:
        url = server.url
    with pytest.raises(EngineUnreachable, match="--resume"):
        await reset_prefix_cache(connect(url))


def test_the_first_request_is_forgotten_even_when_its_blocks_are_still_held(monkeypatch, tmp_path):
    monkeypatch.setattr("docmind_core.serving.engine_preparation.RESET_PAUSE_S", 0.0)
    answers = {"/v1/chat/completions": (200, "{}"), "/reset_prefix_cache": [(200, REFUSED), (200, DONE)]}
    with serve(answers) as server:
        warm_up(server.url, "m", tmp_path / "engine.log")
    assert server.requests.count(ROUTE) == 2


@pytest.mark.parametrize(
    ("answers", "state", "resets"),
    [([], "reset", [1, 2]), ([{"success": False}] * RESET_TRIES, "unknown", [RESET_TRIES, RESET_TRIES + 1])],
)
def test_each_arm_begins_with_a_reset_and_records_whether_it_was_one(tmp_path, monkeypatch, answers, state, resets):
    monkeypatch.setattr("docmind_core.serving.engine_preparation.RESET_PAUSE_S", 0.0)
    seen = []

    class Counting(SilentObserver):
        def query_finished(self, progress):
            seen.append(engine.resets)

    settings, arms = Settings(home=tmp_path / "home"), ["single_pass", "naive_supervisor"]
    with FakeEngine() as engine:
        engine.reset_answers.extend(answers)

        @contextmanager
        def opened(*_):
            yield connect(engine.url)

        monkeypatch.setattr("docmind_core.runs.benchmark.open_engine", opened)
        folder = write_query_set(tmp_path / "set")
        suite = Suite(name="toy", query_set=str(folder), engine=engine.url, arms=arms, warmup=0)
        key = freeze_benchmark_run(suite, settings)
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=Counting())

    assert seen == resets
    _, rows = query_rows(settings, "select prefix_cache_state from runs order by started_at")
    assert rows == [(state,), ("reset",)]
