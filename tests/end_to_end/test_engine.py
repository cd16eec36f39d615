import httpx
import pytest

from docmind_core.serving.counters import read_settled_counters
from docmind_core.serving.engine import EngineRequest, open_engine
from docmind_core.serving.engine_preparation import reset_prefix_cache
from docmind_core.serving.engine_state import group_members, read_state
from docmind_core.serving.token_counts import FolderTokenCounts
from docmind_core.settings import Settings
from tests.conftest import PROJECT
from tests.end_to_end.balanced import assert_balanced_and_complete, engine_growth, two_queries
from tests.end_to_end.command_line import KEYWORD_ONLY, docmind, select

SYSTEM = "You answer questions about the capitals of countries with the name of one city. " * 8

COUNTED = ("prompt_tokens", "generation_tokens", "prompt_tokens_cached", "request_success")


async def ask(connection):
    """The engine's `usage` for one short question."""
    request = {
        "model": connection.model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "What is the capital of France?"},
        ],
        "max_tokens": 8,
        "temperature": 0,
    }
    async with httpx.AsyncClient(base_url=connection.base_url, timeout=300) as client:
        reply = await client.post("/v1/chat/completions", json=request)
    return reply.raise_for_status().json()["usage"]


@pytest.fixture(scope="module")
def running_engine(engine_home):
    """The embedded engine, started for this module; when it has stopped, nothing of it may be left."""
    said = []
    with open_engine(EngineRequest(engine="cpu-smollm2"), engine_home, said.append) as connection:
        state = read_state(engine_home.home)
        assert len(group_members(state)) >= 3  # keeper, API server, and EngineCore, which computes itself
        yield connection
    assert group_members(state) == []
    assert any("the engine is ready after" in line for line in said)


@pytest.mark.engine
async def test_the_embedded_engine_counts_and_forgets(running_engine, engine_home):
    connection = running_engine
    before = await read_settled_counters(connection)
    first, repeated = await ask(connection), await ask(connection)
    was_reset = await reset_prefix_cache(connection)
    after_reset = await ask(connection)
    after = await read_settled_counters(connection)
    with open_engine(EngineRequest(engine=f"{connection.base_url}/v1"), engine_home, print) as remote:
        seen_from_outside = await read_settled_counters(remote)
        was_reset_from_outside = await reset_prefix_cache(remote)

    answers = [first, repeated, after_reset]
    cached = [answer["prompt_tokens_details"]["cached_tokens"] for answer in answers]
    assert {name: after.values[name] - before.values[name] for name in COUNTED} == {
        "prompt_tokens": sum(answer["prompt_tokens"] for answer in answers),
        "generation_tokens": sum(answer["completion_tokens"] for answer in answers),
        "prompt_tokens_cached": sum(cached),
        "request_success": 3,
    }
    assert cached[2] == 0
    assert cached[1] >= 96  # whole blocks of 32 tokens
    assert (was_reset, was_reset_from_outside) == (True, False)
    assert after.engine_session == before.engine_session == seen_from_outside.engine_session
    assert seen_from_outside.values == after.values
    assert (connection.max_model_len, remote.max_model_len, remote.model) == (8192, 8192, connection.model)
    assert connection.engine_version.startswith("0.32.0")


@pytest.mark.engine
def test_an_engine_given_by_url_is_as_good_a_citizen(running_engine, tmp_path):
    home = Settings(home=tmp_path / "home")
    url, arms = running_engine.base_url, ("single_pass", "tuned")  # the supervisor's: see test_benchmark
    printed = docmind(home, "bench", "smoke", "--engine", url, *two_queries(*arms), *KEYWORD_ONLY)

    assert_balanced_and_complete(home, printed, *arms)
    assert select(home, "select distinct strategy, engine_managed, prefix_cache_state from runs") == [
        ("keyword_search", False, "unknown")
    ]


@pytest.mark.engine
def test_a_graph_of_the_user_balances_to_the_token_under_the_names_of_its_own_agents(running_engine, tmp_path):
    pytest.importorskip("langchain_openai", reason="langchain and langchain-openai are not installed (make install)")
    home = Settings(home=tmp_path / "home")
    suite = str(PROJECT / "examples" / "langgraph_supervisor" / "suite.yaml")
    only_it = ("--arms", "supervisor_graph", "--limit", "1")
    printed = docmind(home, "bench", suite, "--engine", running_engine.base_url, *only_it)

    ((run_id, prompt, completion),) = select(
        home, "select run_id, sum(prompt_tokens), sum(completion_tokens) from llm_calls group by 1"
    )
    assert (prompt, completion) == engine_growth(home, run_id)
    assert select(home, "select state, because from ledger_balance") == [("balanced", None)]
    of_nobody = "count(*) filter (where query_id is null)"
    callers = select(home, f"select agent, {of_nobody} from llm_calls group by 1 order by 1")
    assert callers == [
        ("planner", 0), ("retriever", 0), ("supervisor", 0), ("synthesizer", 0), ("validator", 0)
    ]  # fmt: skip
    assert "supervisor_graph" in printed


@pytest.mark.engine
@pytest.mark.parametrize(
    ("system", "user"),
    [
        (SYSTEM, "What is the capital of France?"),
        ("Answer.", "a\n\n  b\tc — ünïcödé 漢字 🙂 <|im_end|> [1]"),
        ("x", "word " * 1500),
    ],
    ids=["plain", "odd characters", "long"],
)
def test_the_count_before_sending_is_the_engine_s_own(running_engine, system, user):
    """S22: tokenizer and chat template in the model's folder give `usage.prompt_tokens`, to the token."""
    body = {
        "model": running_engine.model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "max_tokens": 1,
    }
    reply = httpx.post(f"{running_engine.base_url}/v1/chat/completions", json=body, timeout=300).raise_for_status()

    assert FolderTokenCounts(running_engine.model_folder).prompt(system, user) == reply.json()["usage"]["prompt_tokens"]
