"""Prompts of every make, and windows to fit them into."""

from docmind_core.agents.context import USER, Message
from docmind_core.agents.context_state import LaidOutRequest
from docmind_core.agents.context_window import ContextWindow
from docmind_core.agents.passages import numbered, render_numbered
from docmind_core.agents.transcript import SEARCH_TOOL
from tests.fakes.scripted_tools import make_hit
from tests.fakes.word_counts import WordCounts

QUERY = "what does the frobnicator do"
TAIL = f"Question: {QUERY}\n\nTask: answer the question."
SYSTEM = "Answer from the passages."


def words(count, stem="word"):
    return " ".join(f"{stem}{number}" for number in range(count))


def window(budget, **changes):
    """A window whose prompt budget is exactly `budget` for requests that reserve 10 tokens."""
    return ContextWindow(max_model_len=1_000_000, counts=WordCounts(), context_budget=budget, **changes)


def request(state):
    return LaidOutRequest(system=SYSTEM, user=state.render(), max_tokens=10, state=state)


def conversation(turn_count, *, length=20):
    messages = []
    for turn in range(turn_count):
        messages += [
            Message(speaker=USER, text=words(length, f"asked{turn}_")),
            Message(speaker="retrieval_expert", text=f"search {turn}"),
            Message(speaker=SEARCH_TOOL, text=f"found {turn}"),
            Message(speaker="result_synthesizer", text=words(length, f"said{turn}_")),
        ]
    return tuple(messages)


def passages(*texts):
    return numbered([make_hit(number, text=text) for number, text in enumerate(texts, start=1)])


def tool_result(shown):
    return Message(speaker=SEARCH_TOOL, text=render_numbered(shown), passages=shown)
