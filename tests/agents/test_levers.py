"""Names of arms with levers, and what is refused with which reason."""

import pytest

from docmind_core.agents.arms import ARMS, find_arm, lever_arms
from docmind_core.agents.levers import LEVERS, TUNED_LEVERS, Lever
from docmind_core.errors import UsageError
from docmind_core.suites.suite import load_suite
from docmind_core.tables.segments import segment_path


@pytest.mark.parametrize(
    ("name", "compared_with", "levers"),
    [
        ("naive+dedupe", "naive_supervisor", {Lever.DEDUPE}),
        ("naive+fixed_edges+no_validation", "naive_supervisor", {Lever.FIXED_EDGES, Lever.NO_VALIDATION}),
        ("tuned-dedupe", "tuned", TUNED_LEVERS - {Lever.DEDUPE}),
        ("tuned-no_validation", "tuned", TUNED_LEVERS - {Lever.NO_VALIDATION}),
        ("tuned-dedupe+result_cache", "tuned", (TUNED_LEVERS - {Lever.DEDUPE}) | {Lever.RESULT_CACHE}),
        ("tuned+context_budget.again", "tuned", TUNED_LEVERS | {Lever.CONTEXT_BUDGET}),
    ],
)
def test_a_name_says_which_levers_are_on_and_what_the_arm_is_compared_with(name, compared_with, levers):
    arm = find_arm(name)
    assert (arm.name, arm.compared_with, arm.levers) == (name, compared_with, levers)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("naive+speed", "unknown lever 'speed'. Known levers: fixed_edges, parallel_tools"),
        ("naive+dedupe+dedupe", "a lever appears twice"),
        ("naive+dedupe+fixed_edges", r"write it naive\+fixed_edges\+dedupe"),
        (
            "naive+fixed_edges+forward_message",
            "contradict each other: without a supervisor no agent rewrites the answer",
        ),
        ("naive+fixed_edges+no_handoff_messages", "contradict each other: without a supervisor there are no hand-off"),
        ("naive-dedupe", r"no lever to remove; add one: naive\+dedupe"),
        ("naive+fp8_kv_cache", "the embedded CPU engine has no FP8 KV cache"),
        ("tuned-fp8_kv_cache", "the embedded CPU engine has no FP8 KV cache"),
        ("tuned-result_cache", r"add it: tuned\+result_cache"),
        ("tuned-no_handoff_messages", "tuned has no hand-offs"),
        ("tuned-last_message_only", "typed results, not messages"),
        ("tuned-forward_message", "no supervisor that could rewrite the answer"),
        ("tuned-fixed_edges", "tuned consists of its edges"),
        ("tuned+dedupe", "tuned already has dedupe; to remove it: tuned-dedupe"),
        ("tuned+no_validation", "tuned already has no_validation; to remove it: tuned-no_validation"),
        ("single_pass+dedupe", "only naive and tuned have levers"),
        ("naive+", "unknown arm"),
        ("naive", "unknown arm"),
    ],
)
def test_a_name_that_means_no_arm_is_refused_with_the_reason(name, message):
    with pytest.raises(UsageError, match=message):
        find_arm(name)


def test_every_lever_can_be_had_on_a_side_or_says_why_not_on_both():
    """S9: every strategy is a switch."""
    changed = {lever for arm in lever_arms() for lever in arm.changed}
    refused = {lever for lever, facts in LEVERS.items() if facts.not_in_naive and facts.not_in_tuned}
    assert changed | refused == set(Lever)
    assert not changed & refused


def test_the_bundled_ablation_has_every_arm_and_every_lever_once():
    """S9, S10."""
    assert sorted(load_suite("ablation").arms) == sorted(arm.name for arm in (*ARMS.values(), *lever_arms()))


def test_every_name_can_be_the_name_of_a_segment(tmp_path):
    for arm in (*ARMS.values(), *lever_arms()):
        assert segment_path(tmp_path, "runs", f"20261122T020000Z-ablation-7f3a.{arm.name}").parent.name == "runs"
