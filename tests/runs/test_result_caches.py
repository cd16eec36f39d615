"""Caches across processes."""

import subprocess
import sys
from dataclasses import replace

import pytest

from docmind_core.agents.levels import RetrievalDepth
from docmind_core.runs.cache_store import CacheLimits, CacheStore
from docmind_core.runs.journal import QueryKey
from docmind_core.runs.query_tools import RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.runs.result_caches import ArmCaches, CacheFacts, cache_key, normalised
from docmind_core.settings import child_environment
from tests.fakes.scripted_tools import make_hit

FACTS = CacheFacts(
    level="balanced", model="m", model_revision="1", index_hash="i", prompt_hash="p", rules_version="1", arm="a"
)
KEY = QueryKey(run_id="r", query_id="q", replicate=0)
IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from docmind_core.runs.cache_store import CacheStore
from docmind_core.runs.result_caches import CacheFacts, cache_key
facts = CacheFacts(
    level="balanced", model="m", model_revision="1", index_hash="i", prompt_hash="p", rules_version="1", arm="a"
)
key = cache_key("router", "What is it?", facts, options=sorted({"b", "a"}))
store = CacheStore(Path(sys.argv[1]))
print(key, store.look_up("router", key).value)
store.keep("router", key, {"strategy": "keyword_search"})
"""


class Index:
    """Counts its searches."""

    def __init__(self, hits=2):
        self.searched = 0
        self.hits = hits

    def search(self, strategy, query, k, *, documents=0):
        self.searched += 1
        return tuple(make_hit(number) for number in range(1, self.hits + 1))


class Clock:
    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    opened = CacheStore(tmp_path / "caches.sqlite", now=clock)
    yield opened
    opened.close()


def tools_of(store, index, *, facts=FACTS, cached=True):
    return RecordingTools(
        engine=None,
        index=index,
        journal=None,
        clock=None,
        trace=QueryTrace(key=KEY, level="balanced"),
        guard=None,
        caches=ArmCaches(store=store, facts=facts).of_query(KEY) if cached else None,
        recorded={},
    )


DEPTH = RetrievalDepth(candidates_k=15, final_k=5)


def test_the_key_knows_the_query_the_level_the_versions_the_model_and_the_corpus():
    """S40, S51: the guide's key ignored the level; a THOROUGH call got FAST's decision."""
    changes = ("level", "model", "model_revision", "index_hash", "prompt_hash", "rules_version", "arm")
    keys = {cache_key("router", "q", replace(FACTS, **{name: "other"})) for name in changes}
    keys |= {cache_key("router", "q", FACTS), cache_key("retrieval", "q", FACTS), cache_key("router", "r", FACTS)}

    assert len(keys) == len(changes) + 3


def test_query_and_strategy_can_not_run_into_each_other():
    """S51: f"{query}_{strategy}" was the same for ("a_b", "c") and ("a", "b_c")."""
    assert cache_key("retrieval", "a_b", FACTS, strategy="c") != cache_key("retrieval", "a", FACTS, strategy="b_c")


def test_the_same_query_typed_otherwise_is_the_same_query():
    """S40: the key takes the normalised query."""
    assert normalised("  What\tIS caf\u0065\u0301? ") == "what is caf\u00e9?"


def test_a_second_process_hits_the_cache_of_the_first_whatever_its_hash_seed(tmp_path):
    """S40: hash() is salted per process; these keys and rows are not."""
    said = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "caches.sqlite")],
            env=child_environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split(maxsplit=1)
        for seed in ("1", "2")
    ]

    assert said[0][0] == said[1][0]
    assert [value.strip() for _, value in said] == ["None", "{'strategy': 'keyword_search'}"]


async def test_a_search_is_done_once_and_every_lookup_is_a_row(store, clock):
    """S55: hit and miss; the guide's rate was always 0."""
    index = Index()
    tools = tools_of(store, index)
    first = await tools.search("keyword_search", "What is it?", DEPTH)
    tools.caches.keep()
    clock.seconds += 5
    second = await tools.search("keyword_search", "what is  it?", DEPTH)

    assert first == second
    assert index.searched == 1
    rows = [(row["lookup"], row["cache"], row["hit"], row["missed_because"], row["age_s"]) for row in tools.caches.rows]
    assert rows == [(1, "retrieval", False, "absent", None), (2, "retrieval", True, None, 5.0)]
    assert len(tools.trace.retrieved) == 4, "a hit is a ranking like any other"


async def test_what_a_hit_returns_is_no_one_else_s(store):
    """S56: the guide handed out the cached list itself."""

    async def work():
        return {"strategies": ["a"]}

    tools = tools_of(store, Index())
    await tools.remembered("router", "q", work)
    (await tools.remembered("router", "q", work))["strategies"].append("b")

    assert await tools.remembered("router", "q", work) == {"strategies": ["a"]}


async def test_an_empty_result_is_kept_for_a_shorter_time(store, clock):
    """S57: the guide kept it for ever."""
    index = Index(hits=0)
    tools = tools_of(store, index)
    for wait_s in (0, 59, 2):
        clock.seconds += wait_s
        await tools.search("keyword_search", "q", DEPTH)
        tools.caches.keep()

    assert index.searched == 2
    assert [row["negative"] for row in tools.caches.rows] == [None, True, None]
    assert [row["missed_because"] for row in tools.caches.rows] == ["absent", None, "expired"]


async def test_depth_and_strategy_have_results_of_their_own(store):
    """S51: both are part of the key."""
    index = Index()
    tools = tools_of(store, index)
    for strategy, depth in (
        ("keyword_search", DEPTH),
        ("keyword_search", RetrievalDepth(candidates_k=20, final_k=10)),
        ("keyword_search", replace(DEPTH, final_k=6)),
        ("semantic_search", DEPTH),
    ):
        await tools.search(strategy, "q", depth)

    assert index.searched == 4


async def test_without_the_lever_nothing_is_kept_and_no_lookup_is_booked(store):
    index = Index()
    tools = tools_of(store, index, cached=False)
    for _ in range(2):
        await tools.search("keyword_search", "q", DEPTH)

    assert index.searched == 2
    assert tools.caches is None


def test_entries_end_after_their_time(store, clock):
    """S40: TTL."""
    store.keep("router", "k", 1)
    clock.seconds += CacheLimits().ttl_s

    assert store.look_up("router", "k").missed_because == "expired"
    assert store.look_up("router", "k").missed_because == "absent"


def test_the_least_recently_used_entry_goes_first(tmp_path, clock):
    """S40: LRU, by number and by size."""
    small = CacheStore(tmp_path / "small.sqlite", limits=CacheLimits(entries_max=2), now=clock)
    for key in ("a", "b"):
        small.keep("router", key, key)
    small.look_up("router", "a")
    small.keep("router", "c", "c")
    light = CacheStore(tmp_path / "light.sqlite", limits=CacheLimits(bytes_max=250), now=clock)
    kept = [light.keep("router", key, "x" * size) for key, size in (("a", 100), ("b", 120), ("huge", 300))]

    assert [small.look_up("router", key).hit for key in "abc"] == [True, False, True]
    assert kept == [True, True, False]
    assert light.keep("router", "c", "x" * 100)
    assert [light.look_up("router", key).hit for key in "abc"] == [False, True, True]
    small.close()
    light.close()


def test_a_damaged_cache_misses_and_fails_nothing(tmp_path):
    path = tmp_path / "caches.sqlite"
    path.write_bytes(b"this is no database" * 100)
    store = CacheStore(path)

    assert store.look_up("router", "k").missed_because == "unavailable"
    assert store.keep("router", "k", 1) is False
    store.close()


@pytest.mark.parametrize(("confidence", "done"), [(0.8, 1), (0.7, 2)])
async def test_a_route_below_the_level_s_confidence_is_used_and_not_kept(store, confidence, done):
    """S39, S40: below the threshold of BALANCED stands what FAST's rules decided because its own ran late."""
    calls = []

    async def work():
        calls.append("decided")
        return {"strategy": "keyword_search", "confidence": confidence}

    tools = tools_of(store, Index())
    for _ in range(2):
        await tools.remembered("router", "q", work, worth_keeping=lambda value: value["confidence"] >= 0.8)

    assert len(calls) == done


async def test_a_query_hits_what_it_found_itself_and_others_do_once_it_has_ended(store):
    """S40: an interrupted query leaves nothing that it would hit when it is begun again."""
    index = Index()
    first, second = (tools_of(store, index) for _ in range(2))
    for tools in (first, first, second):
        await tools.search("keyword_search", "q", DEPTH)
    first.caches.keep()
    await second.search("keyword_search", "r", DEPTH)
    third = tools_of(store, index)
    await third.search("keyword_search", "q", DEPTH)

    assert [[row["hit"] for row in tools.caches.rows] for tools in (first, second, third)] == [
        [False, True],
        [False, False],
        [True],
    ]
