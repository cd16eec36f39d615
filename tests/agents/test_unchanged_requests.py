"""What an arm asks is its definition: a change that makes it faster must not change a byte of it.

After an intended change: `python -m tests.agents.test_unchanged_requests` writes the digests again.
"""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from docmind_core.agents.arms import ARMS, answer_question, find_arm, lever_arms
from docmind_core.agents.context import PLANNER
from docmind_core.errors import OutputInvalid
from docmind_core.retrieval.search import KEYWORD, SEMANTIC
from tests.fakes.scripted_tools import ScriptedTools, make_context

DIGESTS = Path(__file__).with_name("unchanged_requests.json")
EVERY_ARM = [*ARMS, *(arm.name for arm in lever_arms())]
LEVELS = ("fast", "balanced", "thorough")
QUESTIONS = (
    "what colour is a frobnicator",
    "what is the difference between a frobnicator and a widget",
    "Compare the size of frobnicators with the size of widgets, and say which of them are blue.",
)
SAID = (
    "A frobnicator is a machine of the house that turns slowly and hums, and it is painted blue all over.",
    "The widget is smaller than the frobnicator. It was made in a town by the sea, for those who opened the valve.",
    "Frobnicators and widgets differ in size: the first is as tall as a door, the second fits into a hand.",
)
TEXTS = {number: f"{SAID[number % 3]}{f' Part {number} says so.' * (number % 2)}" for number in range(1, 21)}
"""Passages of which many nearly repeat another one."""


def reply(agent, task, request):
    """Answer by what is asked alone: forms are filled with searches, and the first draft is not supported."""
    if request.choices:
        return request.choices[-1 if task == "check" else 0]
    if request.output is None:
        return "It is blue [2], and a widget is smaller [1]." if task.endswith("2") else "I am blue [1]."
    fields = request.output.model_fields
    if "sub_queries" in fields:
        return '{"sub_queries": ["size of a frobnicator", "size of the widgets"]}'
    if "best" in fields:
        return '{"best": [3, 1]}' if "colour" in request.user else '{"best": [2, 2]}'
    if "action" in fields:
        return '{"action": "search", "query": "size of a widget"}'
    return '{"query": "blue frobnicators"}' if "query" in fields else '{"strategy": "semantic_search"}'


async def asked(arm, level, question, **failing):
    """Return all that an arm asks, searches for, decides and answers."""
    tools = ScriptedTools(reply=reply, texts=TEXTS, vectors=level == "balanced", **failing)
    context = make_context(tools, level=level, strategies=(KEYWORD, SEMANTIC))
    answer = await answer_question(arm, arm.build(), question, context)
    return {
        "calls": [(agent, task, request.body("m"), tools.roles[task]) for agent, task, request in tools.calls],
        "searches": [search[:2] for search in tools.searches],
        "together": tools.together,
        "agents": [*tools.sequence, "skipped", *tools.skipped],
        "decided": [repr(each) for each in (*tools.routes, *tools.reranks, *tools.votes, *tools.failures)],
        "answer": repr(answer),
    }


async def digests(name):
    """Return a digest for each level, as the first 16 digits."""
    arm = find_arm(name)
    said = {level: [await asked(arm, level, question) for question in QUESTIONS] for level in LEVELS}
    said["planner fails"] = [await asked(arm, "balanced", QUESTIONS[1], failing={PLANNER: OutputInvalid("planted")})]
    return {level: hashlib.sha256(json.dumps(each).encode()).hexdigest()[:16] for level, each in said.items()}


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_an_arm_asks_searches_decides_and_answers_what_it_did_before(name):
    assert await digests(name) == json.loads(DIGESTS.read_text("utf-8"))[name]


if __name__ == "__main__":
    DIGESTS.write_text(json.dumps({name: asyncio.run(digests(name)) for name in EVERY_ARM}, indent=1) + "\n", "utf-8")
