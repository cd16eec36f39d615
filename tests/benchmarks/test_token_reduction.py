"""The benchmark of the guide's headline: which run it takes, and what its page says."""

import argparse

import pytest

from benchmarks.token_reduction import __main__ as token_reduction
from benchmarks.token_reduction.page import RoutingResult, page_text
from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.runs.run_states import BenchmarkRunState

EMBEDDED = argparse.Namespace(limit=40, engine=None, model=None)
REMOTE = argparse.Namespace(limit=40, engine="http://gpu:8000", model="big")


ROW = {
    "n_queries": 40, "n_compared": 40, "calls_per_query": 2.0, "tokens_per_query": 450.0, "missing_because": None,
    "reduction_pct": 80.0, "reduction_low": 75.0, "reduction_high": 84.0,
    "claimable": False, "claimable_because": "not claimable: quality inconclusive", "single_pass_ratio": 2.0,
    "single_pass_ratio_low": 1.5, "single_pass_ratio_high": 2.5, "contained_ratio": 0.3, "passed_ratio": 0.25,
    "passed_of_baseline": 0.2, "passed_delta": 0.05, "passed_low": -0.1, "passed_high": 0.2,
    "passages_read": 4.5, "ledger": "balanced",
}  # fmt: skip
RAN = {
    "benchmark_run": "k", "model": "m", "plumbing": False, "engine_managed": True, "engine_version": "0.32",
    "query_set": "q", "level": "balanced", "git_sha": None, "git_dirty": None,
}  # fmt: skip


@pytest.fixture
def runs(monkeypatch):
    """Benchmark runs of the home, as (key, options, routing, changes), instead of folders on disk."""
    kept, prompts = {}, {}

    def state(key):
        return BenchmarkRunState(
            benchmark_run=key, suite="token-reduction", arms=(), finished=True, queries_done=1, queries_total=1
        )

    monkeypatch.setattr(token_reduction, "list_benchmark_runs", lambda _: [state(key) for key in kept])
    monkeypatch.setattr(token_reduction, "read_frozen_suite", lambda _, key: kept[key])

    monkeypatch.setattr(token_reduction, "asked", lambda _, sql, key: [{"prompt_hash": prompts[key]}])

    def add(key, options, routing="fixed", prompts_made_with=None, **changes):
        kept[key] = token_reduction.wanted_suite(routing, options).model_copy(update=changes)
        prompts[key] = prompts_made_with or prompt_hash()

    return add


def newest(options, routing="fixed"):
    found = token_reduction.newest_run(None, token_reduction.wanted_suite(routing, options))
    return found.benchmark_run if found else None


def page(arms, budget=None):
    return page_text([RoutingResult(routing="free", ran=RAN, arms=arms, budget=budget)])


def test_figures_of_another_engine_or_model_are_not_taken_for_those_asked_for(runs):
    runs("20261122T020000Z-token-reduction-aaaa", EMBEDDED)
    assert newest(REMOTE) is None

    runs("20261122T030000Z-token-reduction-bbbb", REMOTE)
    assert newest(REMOTE) == "20261122T030000Z-token-reduction-bbbb"
    assert newest(EMBEDDED) == "20261122T020000Z-token-reduction-aaaa"
    assert newest(argparse.Namespace(**{**vars(REMOTE), "model": "other"})) is None
    assert newest(EMBEDDED, routing="free") is None


@pytest.mark.parametrize("other", [{"prompts_made_with": "others"}, {"level": "fast"}, {"concurrency": 2}])
def test_figures_of_other_prompts_or_of_a_suite_that_was_another_are_measured_again(runs, other):
    runs("20261122T020000Z-token-reduction-aaaa", EMBEDDED, **other)
    assert newest(EMBEDDED) is None


def test_a_baseline_that_never_searched_is_named_next_to_the_saving():
    """With the routing free, a small model may choose other agents until its hand-offs are used up."""
    arms = [{**ROW, "arm": "tuned"}, {**ROW, "arm": "naive_supervisor", "passages_read": 0.0}]
    [answer] = [line for line in page(arms).splitlines() if line.startswith("- `routing: free`")]

    assert answer.endswith("The baseline never searched, so these savings are relative to answers without passages.")


@pytest.mark.parametrize(
    ("delta", "low", "high", "said"),
    [
        (0.3, 0.1, 0.5, "it passes more questions: 0.50 against 0.20, difference +0.30 (0.10 to 0.50)."),
        (-0.3, -0.5, -0.1, "the saving costs answers: it passes 0.50 against 0.20, difference −0.30 (−0.50 to −0.10)."),
        (0.0, -0.1, 0.1, "it is not clear whether that costs answers: it passes 0.50 against 0.20, difference 0.00"),
        (None, None, None, "its answers were not compared with the baseline's."),
    ],
)
def test_the_page_opens_with_what_the_saving_does_to_the_answers(delta, low, high, said):
    quality = {"passed_ratio": 0.5, "passed_delta": delta, "passed_low": low, "passed_high": high}
    opening = page([{**ROW, **quality, "arm": "tuned"}]).splitlines()[2]

    assert opening.startswith(
        "On 40 questions of `q` with `routing: free`, `tuned` uses 80 % fewer tokens than `naive_supervisor`, and "
    )
    assert said in opening


def test_a_saving_over_fewer_questions_than_were_asked_says_over_how_many():
    text = page([{**ROW, "n_compared": 9, "arm": "tuned"}])

    assert text.count("over the 9 questions whose tokens are known in both arms") == 2


def test_an_arm_without_a_model_has_no_saving_and_no_claim():
    free = {"tokens_per_query": 0.0, "calls_per_query": 0.0, "reduction_pct": None, "claimable_because": None}
    text = page([{**ROW, **free, "arm": "extractive", "ledger": None}, {**ROW, "arm": "tuned"}])

    assert "| `extractive` | 0 | 0 | no model | no model | 4.5 | 0.25 | +0.05 (−0.10 to 0.20) |" in text
    assert "`extractive` uses no model, and it is not clear whether that costs answers" in text
    assert "- `extractive`:" not in text


def test_the_page_shows_what_passed_how_many_passages_were_read_and_what_the_budget_bought():
    arms = [{**ROW, "arm": "tuned"}, {**ROW, "arm": "naive_supervisor", "passed_ratio": None, "passages_read": 5.0}]
    text = page(arms, budget="The budget bought a vote for 0 of 40 queries.")

    assert "| passages read | passed | against the baseline | answer contained |" in text
    assert "| 4.5 | 0.25 | +0.05 (−0.10 to 0.20) | 0.30 |" in text
    assert "| 5 | not measured | the baseline | 0.30 |" in text
    assert "- `tuned`: not claimable: quality inconclusive" in text
    assert "The budget bought a vote for 0 of 40 queries." in text
    assert "Not measured on this engine yet: `routing:` `dependencies`, `fixed`." in text
