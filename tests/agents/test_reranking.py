"""What `tuned` does with 20 candidates at THOROUGH (S43, S52-S54)."""

import json

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import RETRIEVER, SYNTHESIZER
from docmind_core.agents.reranking import RERANKED_MAX, WORDS_SHOWN, ranking_form, rerank_request
from docmind_core.errors import ContextOverflow, EngineUnreachable, OutputInvalid
from docmind_core.retrieval.search import HYBRID, KEYWORD
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context, make_hit

QUESTION = "what colour is the frobnicator of the house"
BEST = [20, 3, 1, 7, 5, 9, 11, 13, 15, 17]


def replying(ranking, **texts):
    def reply(agent, task, request):
        if task == "rerank":
            return ranking
        return texts.get(task, request.choices[0] if request.choices else "blue [1]")

    return reply


def best(*numbers):
    return json.dumps({"best": list(numbers)})


async def run(tools, **context):
    arm = find_arm(context.pop("arm", all_five()))
    return await answer_question(arm, arm.build(), QUESTION, make_context(tools, **{"level": "thorough", **context}))


def documents(hits):
    return [hit.chunk.doc_id for hit in hits]


def rerank_calls(tools):
    return [(agent, request) for agent, task, request in tools.calls if task == "rerank"]


async def test_twenty_candidates_become_the_model_s_ten():
    """S54: the guide's thorough retrieval marks its results as reranked and reranks nothing."""
    tools = ScriptedTools(reply=replying(best(*BEST)))
    answer = await run(tools)

    assert documents(answer.passages) == [f"doc{number}" for number in BEST]
    assert documents(answer.candidates)[:11] == [*documents(answer.passages), "doc2"]
    assert len(answer.candidates) == 20
    assert [hit.score for hit in answer.candidates] == sorted((hit.score for hit in answer.candidates), reverse=True)
    (record,) = tools.reranks
    assert (record.candidates, record.ordered_by, record.mmr_because, record.kept) == (20, "model", None, 5)


async def test_the_call_is_the_retrieval_expert_s_one_under_its_own_role():
    tools = ScriptedTools(reply=replying(best(*BEST)))
    await run(tools)

    ((agent, request),) = rerank_calls(tools)
    assert (agent, tools.roles["rerank"]) == (RETRIEVER, "rerank")
    assert request.max_tokens == 128
    assert tools.sequence.count(RETRIEVER) == 2, "its search, and its rerank"


async def test_what_the_model_leaves_open_keeps_the_search_s_order():
    answer = await run(ScriptedTools(reply=replying(best(4))))
    assert documents(answer.candidates)[:4] == ["doc4", "doc1", "doc2", "doc3"]


@pytest.mark.parametrize("level", ["fast", "balanced"])
async def test_below_thorough_nothing_is_reranked(level):
    """S52, S53."""
    tools = ScriptedTools(reply=replying(best(*BEST)))
    answer = await run(tools, level=level)

    assert rerank_calls(tools) == []
    assert tools.reranks == []
    assert documents(answer.passages) == ["doc1", "doc2", "doc3", "doc4", "doc5"]
    assert tools.sequence.count(RETRIEVER) == 1


@pytest.mark.parametrize(
    ("level", "candidates_k", "final_k"), [("fast", 10, 5), ("balanced", 15, 5), ("thorough", 20, 10)]
)
async def test_each_level_has_the_guide_s_depth(level, candidates_k, final_k):
    """S41-S43 (top_k), S52-S54."""
    tools = ScriptedTools(reply=replying(best(1)))
    answer = await run(tools, level=level)

    assert (len(answer.candidates), len(answer.passages)) == (candidates_k, final_k)


@pytest.mark.parametrize(
    ("ranking", "because"),
    [("no json", "invalid_output"), (best(), "invalid_output"), (best(21), "invalid_output"), (best(2, 2), "repeats")],
)
@pytest.mark.parametrize("vectors", [True, False])
async def test_nonsense_leads_to_relevance_and_diversity(ranking, because, vectors):
    tools = ScriptedTools(reply=replying(ranking), vectors=vectors)
    answer = await run(tools)

    (record,) = tools.reranks
    assert (record.ordered_by, record.mmr_because) == ("mmr", because)
    assert record.similarity == ("embeddings" if vectors else "words")
    assert documents(answer.candidates)[0] == "doc1"
    assert (answer.text, answer.fallback_because) == ("blue", None)


@pytest.mark.parametrize("error", [OutputInvalid("planted"), ContextOverflow("planted")])
async def test_a_call_that_fails_does_the_same(error):
    tools = ScriptedTools(reply=replying(""), failing={RETRIEVER: error})
    answer = await run(tools)

    assert [record.mmr_because for record in tools.reranks] == ["call_failed"]
    assert answer.fallback_because is None


async def test_an_engine_that_is_gone_stays_an_engine_that_is_gone():
    with pytest.raises(EngineUnreachable):
        await run(ScriptedTools(failing={RETRIEVER: EngineUnreachable("gone")}))


@pytest.mark.parametrize("hits", [0, 1])
async def test_one_candidate_or_none_is_not_ranked(hits):
    tools = ScriptedTools(reply=replying(best(1)), hits=hits)
    answer = await run(tools)

    assert rerank_calls(tools) == []
    assert len(answer.passages) == hits


async def test_a_suite_s_top_k_asks_for_more_than_are_ranked():
    tools = ScriptedTools(reply=replying(best(20)), hits=30)
    answer = await run(tools, top_k=30)

    assert tools.reranks[0].candidates == RERANKED_MAX
    assert documents(answer.passages)[:2] == ["doc20", "doc1"]
    assert documents(answer.passages)[20:] == [f"doc{number}" for number in range(21, 31)]


async def test_a_second_try_reads_what_was_not_read_and_reranks_nothing():
    tools = ScriptedTools(reply=replying(best(*BEST), check="no"))
    answer = await run(tools, strategies=(KEYWORD, HYBRID))

    assert len(rerank_calls(tools)) == 1
    assert tools.callers.count(SYNTHESIZER) == 2
    assert documents(answer.passages)[0] == "doc20", "the draft cited it"
    assert not set(documents(answer.passages)[1:]) & {f"doc{number}" for number in BEST}


def test_twenty_long_passages_are_shown_by_their_beginnings():
    pool = [make_hit(number, text="word " * 200) for number in range(1, 21)]
    request = rerank_request(QUESTION, pool, make_context(ScriptedTools(), level="thorough"))

    assert request.user.count("word") == 20 * WORDS_SHOWN
    assert len(request.user.split()) < 1_400


@pytest.mark.parametrize(("count", "wanted"), [(2, 2), (20, 10), (20, 20)])
def test_the_longest_order_fits_into_the_reply(count, wanted):
    form = ranking_form(count, wanted)
    longest = json.dumps({"best": list(range(count, count - wanted, -1))})

    assert form.model_validate_json(longest)
    # a token each for a digit, a comma and a space is the worst that a tokenizer does
    assert len(longest) <= 128


class OtherHitsTools(ScriptedTools):
    """Hybrid search finds twenty documents that keyword search does not."""

    async def search(self, strategy, query, depth, *, together=()):
        hits = await ScriptedTools.search(self, strategy, query, depth)
        return tuple(make_hit(100 + number) for number in range(1, 21)) if strategy == HYBRID else hits


async def test_a_second_try_brings_in_what_its_search_found():
    tools = OtherHitsTools(reply=replying(best(*BEST), route=KEYWORD, check="no"))
    answer = await run(tools, strategies=(KEYWORD, HYBRID))

    assert [strategy for strategy, _, _ in tools.searches] == [KEYWORD, HYBRID]
    assert {"doc101", "doc102"} <= set(documents(answer.passages))
    assert len(answer.candidates) == 40
