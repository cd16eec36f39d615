"""How deep a search goes, by performance level."""

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.levels import PerformanceLevel, RetrievalDepth, retrieval_depth
from tests.fakes.scripted_tools import ScriptedTools, make_context


@pytest.mark.parametrize(("level", "candidates_k", "final_k"), [("fast", 10, 5), ("balanced", 15, 5)])
async def test_a_level_sets_how_many_chunks_are_ranked_and_how_many_are_read(level, candidates_k, final_k):
    """S52, S53: the guide ignored top_k, and gave 2 and 5 made-up results."""
    tools, arm = ScriptedTools(), find_arm("single_pass")
    answer = await answer_question(arm, arm.build(), "what is it", make_context(tools, level=level))

    assert [depth for _, _, depth in tools.searches] == [RetrievalDepth(candidates_k=candidates_k, final_k=final_k)]
    assert (len(answer.candidates), len(answer.passages)) == (candidates_k, final_k)


def test_a_suite_s_own_number_of_passages_is_never_cut_by_the_ranking():
    assert retrieval_depth(PerformanceLevel.FAST, 12) == RetrievalDepth(candidates_k=12, final_k=12)
