"""A query is answered only if its last reply ended by itself with text, or was cut by our own limit."""

from pathlib import Path

import pytest

from docmind_core.runs.query_row import answer_ending
from docmind_core.serving.reply_endings import ADVICE, ANSWERED, QUERY_ENDINGS
from tests.builders import make_call_row
from tests.fakes.engine_server import Stream
from tests.runs.running import run, select
from tests.serving.server_habits import HABITS

SENT = {
    "apples": "max_tokens used up by hidden thinking",
    "bridges": "a tool call instead of text",
    "clouds": "a refusal instead of text",
    "dolphins": "nothing, and stop",
    "engines": "text cut at max_tokens",
}


def habit_of(body):
    question = body["messages"][-1]["content"]
    return next((Stream((HABITS[name][0],)) for topic, name in SENT.items() if f"colour of {topic}?" in question), None)


def test_replies_without_an_answer_fail_their_query_and_say_how_they_ended_and_what_to_raise(home, make_suite, engine):
    engine.fault_of = habit_of
    run(home, make_suite(arms=["single_pass"]))

    rows = select(home, "select query_id, status, ended_because, error_type, answer is null from query_runs order by 1")
    assert rows == [
        ("q_apples", "failed", "thinking", "NoAnswer", True),
        ("q_bridges", "failed", "tool_calls", "NoAnswer", True),
        ("q_clouds", "failed", "refusal", "NoAnswer", True),
        ("q_dolphins", "failed", "empty", "NoAnswer", True),
        ("q_engines", "answered", "max_tokens", None, False),
        ("q_forests", "answered", "stop", None, False),
    ]
    ((message,),) = select(home, "select error_message from query_runs where query_id = 'q_apples'")
    assert message == (
        "no text: thinking used up max_tokens: raise answer_max_tokens, or turn thinking off in the server."
    )
    assert select(home, "select refusal, reply from llm_calls where query_id = 'q_clouds'") == [("I won't.", "")]
    assert select(home, "select count(passages) from query_runs") == [(6,)]


@pytest.mark.parametrize(
    ("text", "tasks", "ending"),
    [
        ("Paris", [("answer", "stop")], "stop"),
        ("Paris", [("answer", "stop"), ("check", "thinking")], "stop"),
        ("Paris", [("answer", "thinking"), ("answer_again", "stop")], "stop"),
        ("Paris", [("answer", "stop"), ("rewrite", "max_tokens")], "max_tokens"),
        ("Par", [("answer", "content_filter")], "content_filter"),
        ("Paris", [("answer", "unfinished")], "unfinished"),
        ("", [("answer", "stop")], "empty"),
        (" ", [("answer", "max_tokens")], "empty"),
        ("", [("answer", "thinking")], "thinking"),
        ("The documents do not answer this.", [], "no_call"),
        ("The documents do not answer this.", [("plan", "stop")], "no_call"),
        ("", [], "empty"),
    ],
)
def test_a_query_ends_as_the_reply_that_was_to_be_its_answer(text, tasks, ending):
    calls = [make_call_row(f"c{place}", task=task, ended_because=how) for place, (task, how) in enumerate(tasks)]

    assert answer_ending(text, calls) == ending
    assert ending in QUERY_ENDINGS


def test_a_failed_attempt_is_not_an_answer():
    calls = [
        make_call_row("c1", task="answer", ended_because="stop"),
        make_call_row("c2", task="rewrite", status="failed", ended_because=None),
    ]
    assert answer_ending("Paris", calls) == "stop"


def test_whoever_has_no_answer_learns_what_to_change_there_and_in_the_documentation():
    assert set(ADVICE) >= set(QUERY_ENDINGS) - ANSWERED - {"failed"}
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    for ending, meaning in QUERY_ENDINGS.items():
        state = "answered" if ending in ANSWERED else "failed"
        assert f"| `{ending}` | {meaning} | {state} | {ADVICE.get(ending, '')} |" in page
