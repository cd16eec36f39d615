"""Queries with a history, in a run: every arm gets the same turns, and trims them by the same rule."""

import json

import pytest

from docmind_core.suites.suite import load_suite
from tests.fakes import engine_server
from tests.fakes.engine_server import plain_reply
from tests.fakes.word_counts import WordPieceCounts
from tests.runs.running import run, select

TURNS = 9
ARMS = ("single_pass", "single_agent", "naive+specialization", "tuned-passage_choice-no_validation")


@pytest.fixture
def conversed(query_set_folder, engine):
    """One query behind nine turns of forty words; agents that word a search find something."""
    engine.reply = lambda body: plain_reply(body).replace("what is it", "apples colour")
    path = query_set_folder / "queries.jsonl"
    query = json.loads(path.read_text("utf-8").splitlines()[0])
    query["history"] = [
        {"role": role, "content": " ".join([f"{role} {turn} says", *(f"{role}{turn}w{n}" for n in range(17))])}
        for turn in range(TURNS)
        for role in ("user", "assistant")
    ]
    path.write_text(json.dumps(query) + "\n", "utf-8")
    return query


@pytest.mark.parametrize("arm", ARMS)
def test_a_long_conversation_is_trimmed_to_its_first_turn_and_its_last_five(home, make_suite, engine, conversed, arm):
    """S27, S29: strategy 1 in a benchmark; pairs whole, the query whole."""
    engine.window = 640
    run(home, make_suite(arms=[arm], answer_max_tokens=16))

    assert select(home, "select status, earlier_turns from query_runs") == [("answered", TURNS)]
    trimmed = select(
        home,
        "select count(*) > 0, bool_and(tokens_after < tokens_before), bool_or(outcome = 'fits') "
        "from context_reductions where strategy = 'conversation_trimming' "
        "and regexp_matches(task, '^(answer|rewrite)')",
    )
    assert trimmed == [(True, True, True)]
    answering = [user for user in prompts(engine) if "Task: answer the question." in user]
    assert answering
    for user in answering:
        assert conversed["query"] in user
        kept = [message for message in conversed["history"] if f"{message['role']}: {message['content']}" in user]
        assert kept == [*conversed["history"][:2], *conversed["history"][-10:]]


@pytest.mark.parametrize("arm", [*ARMS, "naive_supervisor", "guide_dag"])
def test_a_conversation_that_fits_is_sent_whole_in_every_arm(home, make_suite, engine, conversed, arm):
    run(home, make_suite(arms=[arm]))

    whole = "\n\n".join(f"{message['role']}: {message['content']}" for message in conversed["history"])
    answering = [user for user in prompts(engine) if "Task: answer the question." in user]
    assert answering
    assert all(user.count(whole) == 1 for user in answering)
    assert select(home, "select count(*) from context_reductions") == [(0,)]


@pytest.mark.parametrize("name", ["tuned+context_budget-passage_choice", "naive+context_budget"])
def test_the_bundled_suite_has_histories_trimmed_where_there_is_a_budget_s29(home, engine, name, monkeypatch):
    """S29, S36: counted by a real tokenizer, in words they would fit."""
    monkeypatch.setattr(engine_server, "_prompt_tokens", real_tokens)
    suite = load_suite("conversations")
    assert name in suite.arms
    run(home, suite.model_copy(update={"engine": engine.url, "arms": (name,), "limit": 2}))

    trimmed = select(
        home,
        "select count(distinct query_id) > 0, bool_and(tokens_after < tokens_before) from context_reductions "
        "where strategy = 'conversation_trimming'",
    )
    assert trimmed == [(True, True)]


def real_tokens(body):
    texts = [body["prompt"]] if "prompt" in body else [message["content"] for message in body["messages"]]
    return sum(WordPieceCounts().text(text) for text in texts)


def prompts(engine):
    return [body["messages"][-1]["content"] for body in engine.requests]
