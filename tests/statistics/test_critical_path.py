"""The longest chain of work, and what ran beside it (S13, S18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.statistics.critical_path import Work, critical_chain, critical_path

SECOND = 10**9


def piece(span_id, start_s, end_s, agent=None, tokens=0):
    return Work(span_id=span_id, t0=int(start_s * SECOND), t1=int(end_s * SECOND), agent=agent, tokens=tokens)


def test_the_guide_s_five_agents_in_waves_worked_by_hand():
    """S13, S18: sum less maximum is concurrency, and saves no token."""
    # router and planner at once, then retrieval, synthesizer, validator: the guide's printed savings are
    # (100 + 160) - 160 = 100 tokens, though every token is sent. Longest chain: planner 2 s, then 1 + 3 + 1 s.
    work = [
        piece("router", 0, 1, "query_router", 100),
        piece("planner", 0, 2, "query_planner", 160),
        piece("search", 2, 3),
        piece("answer", 3, 6, "result_synthesizer", 900),
        piece("check", 6, 7, "response_validator", 300),
    ]
    found = critical_path(work)
    assert found.critical_path_s == pytest.approx(7.0)
    assert critical_chain(work) == ("planner", "search", "answer", "check")
    assert found.critical_path_tokens == 160 + 900 + 300
    assert found.concurrency_ratio == pytest.approx(8 / 7)
    assert found.guide_parallel_savings == 100


def test_calls_of_one_agent_at_once_save_nothing_even_by_the_guide_s_count():
    found = critical_path([piece("a", 0, 2, "retrieval_expert", 50), piece("b", 1, 3, "retrieval_expert", 70)])
    assert found.guide_parallel_savings == 0
    assert found.critical_path_s == pytest.approx(2.0)


def test_time_in_which_nothing_works_lowers_concurrency_and_not_the_chain():
    found = critical_path([piece("a", 0, 1, "query_router", 10), piece("b", 3, 4, "query_planner", 10)])
    assert (found.critical_path_s, found.concurrency_ratio) == (pytest.approx(2.0), pytest.approx(0.5))


def test_unknown_tokens_leave_the_token_figures_unknown_and_the_times_known():
    found = critical_path([piece("a", 0, 1, "query_router", None), piece("b", 0, 1, "query_planner", 10)])
    assert (found.critical_path_tokens, found.guide_parallel_savings) == (None, None)
    assert found.critical_path_s == pytest.approx(1.0)


@pytest.mark.parametrize("work", [[], [piece("a", 1, 1, "query_router", 10)]])
def test_without_work_that_took_time_there_is_no_path(work):
    assert critical_path(work) is None


pieces = st.builds(
    lambda start, length, agent, tokens: (start, start + length, agent, tokens),
    st.integers(0, 50),
    st.integers(1, 20),
    st.sampled_from([None, "a", "b", "c"]),
    st.integers(0, 1000),
)


@given(st.lists(pieces, min_size=1, max_size=12), st.randoms())
def test_the_chain_is_no_longer_than_all_work_and_no_shorter_than_one_piece_in_any_order(drawn, dice):
    work = [piece(str(number), *values) for number, values in enumerate(drawn)]
    found = critical_path(work)
    lengths = [(one.t1 - one.t0) / SECOND for one in work]
    makespan = (max(one.t1 for one in work) - min(one.t0 for one in work)) / SECOND
    assert max(lengths) - 1e-9 <= found.critical_path_s <= min(sum(lengths), makespan) + 1e-9
    assert found.concurrency_ratio == pytest.approx(sum(lengths) / makespan)
    called = sum(one.tokens for one in work if one.agent)
    assert 0 <= found.guide_parallel_savings <= called
    dice.shuffle(work)
    assert critical_path(work) == found


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 1000)), min_size=1, max_size=10))
def test_work_in_turn_is_one_chain_and_saves_nothing(lengths):
    start, work = 0, []
    for number, (length, tokens) in enumerate(lengths):
        work.append(piece(str(number), start, start + length, f"agent-{number % 3}", tokens))
        start += length
    found = critical_path(work)
    assert found.critical_path_tokens == sum(tokens for _, tokens in lengths)
    assert (found.concurrency_ratio, found.guide_parallel_savings) == (pytest.approx(1.0), 0)
