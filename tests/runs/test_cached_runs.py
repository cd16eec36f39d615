"""The result caches in whole benchmark runs, and what is the same in every process."""

import json
import subprocess
import sys

import pytest

from docmind_core.retrieval.index import open_index
from docmind_core.settings import Settings, child_environment
from tests.runs.running import run, select

ARM = "tuned-passage_choice+result_cache-no_validation"
IN_A_PROCESS = """
import json, sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables import publish
publish.describe = lambda connection: None  # as in tests/conftest.py
settings = Settings(home=Path(sys.argv[1]))
for _ in range(int(sys.argv[3])):
    key = freeze_benchmark_run(Suite.model_validate(json.loads(sys.argv[2])), settings)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
"""
SAME = {
    "query_runs": "query_id, replicate, agent_sequence, answer, citations, passages, billed_tokens, cache_hits",
    "llm_calls": "query_id, agent, role, task, node, request_hash, reply, prompt_tokens, completion_tokens",
    "retrieved": "query_id, ranking, rank, chunk_id, round(score, 9), search_query, retrieved.strategy",
    "route_decisions": "query_id, route_decisions.strategy, decided_by, confidence, reasoning",
    "cache_lookups": "query_id, cache, hit, missed_because, key_hash",
}


def run_in_a_process(settings, suite, seed, times):
    suite = json.dumps(suite.model_dump(mode="json"))
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(settings.home), suite, str(times)],
        env=child_environment(PYTHONHASHSEED=seed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def thorough(make_suite):
    """Two ways to search, so that at THOROUGH the router asks the model."""
    ways = ["keyword_search", "hybrid_search"]

    def make(**changes):
        return make_suite(**{"arms": [ARM], "level": "thorough", "limit": 3, "strategies": ways, **changes})

    return make


@pytest.fixture(autouse=True)
def without_embeddings(monkeypatch):
    """Hybrid search is open and never chosen: the engine takes the first of the strategies. So torch isn't needed."""
    monkeypatch.setattr("docmind_core.runs.input_check._refuse_missing_encoder", lambda *_: None)
    monkeypatch.setattr(
        "docmind_core.runs.benchmark._index",
        lambda settings, suite, query_set, observer: keyword_index(settings, query_set),
    )


def keyword_index(settings, query_set):
    return open_index(
        query_set.documents, folder=settings.indexes, strategies=("keyword_search",), announce=lambda _: None
    )


def test_a_second_run_takes_routes_and_searches_from_the_first_and_books_no_tokens_for_them(home, thorough):
    """S40, S51, S55: hits are rows, no `route` call is made again, fewer tokens are billed."""
    keys = [run(home, thorough()) for _ in range(2)]
    first, second = (f"{key}.{ARM}" for key in keys)

    state = "select cache_state from runs where run_id = "
    assert [select(home, f"{state} '{each}'") for each in (first, second)] == [[("cold",)], [("warm",)]]
    lookups = "select cache, lookups, cache_hits, cache_misses, cache_hit_ratio, wrong_hit_ratio from cache_summary"
    (cold_retrieval, cold_router), (warm_retrieval, warm_router) = (
        select(home, f"{lookups} where run_id = '{each}' order by cache") for each in (first, second)
    )
    assert cold_router == ("router", 3, 0, 3, 0.0, None)
    assert warm_router == ("router", 3, 3, 0, 1.0, None)
    assert cold_retrieval[2] < warm_retrieval[2] == warm_retrieval[1]
    calls = "select count(*) filter (where task = 'route'), sum(billed_tokens) from llm_calls where run_id = "
    (routed, billed), (routed_again, billed_again) = (select(home, f"{calls} '{each}'")[0] for each in (first, second))
    assert (routed, routed_again) == (3, 0)
    spent = select(home, f"select sum(billed_tokens) from llm_calls where run_id = '{first}' and task = 'route'")
    assert billed_again == billed - spent[0][0]
    both = "select query_id, answer, passages from query_runs where run_id = "
    assert select(home, f"{both} '{first}' order by 1") == select(home, f"{both} '{second}' order by 1")
    assert {row[0] for row in select(home, "select distinct state from ledger_balance")} == {"balanced"}


def test_without_the_lever_nothing_is_looked_up(home, thorough):
    run(home, thorough())
    key = run(home, thorough(arms=["tuned-passage_choice-no_validation"]))

    rows = select(
        home,
        f"select cache_hits, cache_misses, cache_state from query_runs join runs using (run_id) "
        f"where benchmark_run = '{key}'",
    )
    assert rows == [(0, 0, None)] * 3
    assert select(home, f"select count(*) from cache_lookups where run_id like '{key}%'") == [(0,)]


def test_another_level_takes_nothing_from_the_caches_of_this_one(home, thorough):
    """S40: the guide's key was the question alone, whatever the level."""
    for level in ("balanced", "thorough", "balanced"):
        run(home, thorough(level=level))

    found = select(home, "select level, cache_state, sum(cache_hits) > 0 from query_runs join runs using (run_id) "
                         "group by all order by all")  # fmt: skip
    assert found == [("balanced", "cold", False), ("balanced", "warm", True), ("thorough", "cold", False)]


def test_a_second_arm_of_a_benchmark_is_as_cold_as_the_first(home, make_suite):
    """One arm's results are not another's; naive agents look their route up too."""
    arms = ["naive+result_cache", "naive+specialization+result_cache", ARM]
    suite = make_suite(arms=arms, limit=2)
    run(home, suite)

    rows = select(
        home,
        "select arm, cache_state, sum(cache_hits) filter (where cache = 'router'), sum(cache_misses) > 0 "
        "from cache_summary group by all order by arm",
    )
    assert rows == [(arm, "cold", 0, True) for arm in sorted(arms)]
    run(home, suite)
    states = select(home, "select arm, cache_state, count(*) from runs group by all order by all")
    assert states == [(arm, state, 1) for arm in sorted(arms) for state in ("cold", "warm")]
    routed = select(
        home,
        "select distinct arm from llm_calls join runs using (run_id) where task like 'route%' and cache_state = 'warm'",
    )
    assert routed == [], "a kept route costs no call in any of them"


def test_another_process_gets_the_same_rows_whatever_its_hash_seed(tmp_path, make_suite):
    """S15, S40: `PYTHONHASHSEED` 1 and 2, cold and then warm: from another process, and from the same one."""
    suite = make_suite(arms=[ARM, "naive_supervisor", "guide_dag"], limit=2, concurrency=1)
    homes = [Settings(home=tmp_path / f"home-{seed}") for seed in ("1", "2")]
    run_in_a_process(homes[0], suite, seed="1", times=1)
    run_in_a_process(homes[0], suite, seed="1", times=1)
    run_in_a_process(homes[1], suite, seed="2", times=2)

    for table, columns in SAME.items():
        sql = f"select arm, cache_state, {columns} from {table} join runs using (run_id) order by all"
        found = [select(settings, sql) for settings in homes]
        assert found[0] == found[1], table
        assert found[0], table
    hits = (
        "select cache_state, count(*) filter (where hit) > 0 from cache_lookups join runs using (run_id) group by all"
    )
    assert set(select(homes[0], hits)) == {("cold", False), ("warm", True)}
