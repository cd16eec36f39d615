"""The lever `context_budget` in a run: the suite's budget, or a refusal."""

import json
import random

import pytest

from docmind_core.errors import UsageError
from docmind_core.suites.suite import Suite
from tests.runs.running import run, select

ARM = "tuned+context_budget-passage_choice-no_validation"
BUDGETS = (2048, 4096, 8192)


@pytest.fixture
def long_texts(query_set_folder):
    """More than a hundred chunks about apples, of words that are a token each."""
    draws = random.Random(1)
    common = ("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school")
    path = query_set_folder / "documents.jsonl"
    documents = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    documents[0]["text"] = "\n\n".join(
        f"The colour of apples number {part}: {' '.join(draws.choices(common, k=130))}." for part in range(150)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in documents), "utf-8")


@pytest.mark.parametrize("budget", BUDGETS)
def test_each_agent_s_prompt_keeps_to_the_suite_s_budget(home, make_suite, engine, long_texts, budget):
    """S36: 2K, 4K or 8K per agent, in a window where nothing overflows."""
    engine.window = 131_072
    run(
        home,
        make_suite(
            arms=["tuned-passage_choice-no_validation", ARM],
            limit=2,
            top_k=100,
            context_budget=budget,
            answer_max_tokens=16,
        ),
    )

    assert select(home, "select arm, context_budget from runs order by arm") == [
        (ARM, budget),
        ("tuned-passage_choice-no_validation", budget),
    ]
    assert select(home, "select distinct budget_tokens, run_id like '%+context_budget%' from context_reductions") == [
        (budget, True)
    ]
    largest = dict(select(home, "select arm, max(prompt_tokens) from llm_calls join runs using (run_id) group by arm"))
    assert largest[ARM] <= budget < largest["tuned-passage_choice-no_validation"]
    assert largest[ARM] > budget / 2


def test_the_budget_is_part_of_the_manifest_and_of_the_series_of_the_arms_that_have_it(home, make_suite, engine):
    for budget in (2048, 4096):
        run(home, make_suite(arms=["tuned-passage_choice-no_validation", ARM], limit=1, context_budget=budget))

    series = "select count(distinct series_key) from runs where arm = "
    assert select(home, f"{series} 'tuned-passage_choice-no_validation'") == [(1,)]
    assert select(home, f"{series} '{ARM}'") == [(2,)]
    found = select(
        home, "select distinct json_extract(manifest, '$.suite.context_budget')::integer from runs order by 1"
    )
    assert found == [(2048,), (4096,)]


@pytest.mark.parametrize(
    ("lacks", "because"),
    [
        ({"offers_tokenize": False}, "the engine has no /tokenize"),
        ({"window": None}, "does not report its context window"),
    ],
)
def test_where_tokens_can_not_be_counted_the_lever_is_refused_and_nothing_is_sent(
    home, make_suite, engine, lacks, because
):
    """S36: never silently without it."""
    for name, value in lacks.items():
        setattr(engine, name, value)
    with pytest.raises(UsageError, match=f"{because}.*--arms") as refused:
        run(home, make_suite(arms=["single_pass", ARM], limit=1))

    assert str(refused.value).startswith(f"{ARM} can't keep to a context budget")
    assert engine.requests == []


@pytest.mark.parametrize("budget", [0, -1, 127, 2_000_000])
def test_a_budget_in_which_no_prompt_fits_or_that_no_window_has_is_refused(budget):
    with pytest.raises(ValueError, match="context_budget"):
        Suite.model_validate({"name": "s", "query_set": "q", "context_budget": budget})
