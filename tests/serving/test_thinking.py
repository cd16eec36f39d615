import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.agents.outputs import SearchRequest
from docmind_core.serving.chat import ChatRequest, read_reply
from docmind_core.serving.thinking import split_thinking


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("Paris", "Paris", None),
        (" Paris\n", " Paris\n", None),
        ("<think>Lyon?</think>Paris", "Paris", "Lyon?"),
        ("<think>\nLyon?\n</think>\n\nParis [1]", "Paris [1]", "Lyon?"),
        ("<THINK>Lyon?</Think>Paris", "Paris", "Lyon?"),
        ("<thinking>Lyon?</thinking>Paris", "Paris", "Lyon?"),
        ("<thinking>Lyon?</think>Paris", "Paris", "Lyon?"),
        ("[THINK]Lyon?[/THINK]Paris", "Paris", "Lyon?"),
        ("◁think▷Lyon?◁/think▷Paris", "Paris", "Lyon?"),
        ('<think budget="8">Lyon?</think >Paris', "Paris", "Lyon?"),
        # Chat templates that open the thinking themselves: the model writes the closing tag alone.
        ("Lyon?</think>Paris", "Paris", "Lyon?"),
        # Cut off, or never closed.
        ("<think>Lyon? Or", "", "Lyon? Or"),
        ("It is <think>Lyon? Or", "It is", "Lyon? Or"),
        # Several blocks, nested blocks, blocks that open twice and close once.
        ("<think>a</think>It is<think>b</think>Paris", "It is Paris", "a\nb"),
        ("It is <think>a <think>b</think> c</think> Paris", "It is Paris", "a <think>b</think> c"),
        ("<think>a <think>b</think>Paris", "Paris", "a <think>b"),
        ("<think>a</think>b</think>Paris", "Paris", "a\nb"),
        ("<think></think>Paris", "Paris", None),
        ("<think>Paris</think>", "", "Paris"),
        ("the tag `<think>` opens it", "the tag `<think>` opens it", None),
        ("I think 3 < 4 </thinker>", "I think 3 < 4 </thinker>", None),
    ],
)
def test_thinking_is_separated_from_the_reply(text, said, thought):
    assert split_thinking(text) == (said, thought)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<THINKING>", "x", "y ", "42"]), max_size=12))
def test_no_tag_is_left_in_a_reply_and_splitting_again_changes_nothing(pieces):
    said, _ = split_thinking("".join(pieces))
    assert "think" not in said.lower()
    assert split_thinking(said) == (said, None)


@given(st.text(alphabet="ab<>/ `", max_size=30))
def test_a_text_without_a_tag_stays_as_it_is(text):
    assert split_thinking(text) == (text, None)


def test_thinking_breaks_no_form_and_no_choice():
    form = ChatRequest(system="s", user="u", max_tokens=9, output=SearchRequest)
    reply = read_reply(form, '<think>What for?</think>{"query": "where is Paris"}', "stop", None)
    assert (reply.output, reply.reasoning) == (SearchRequest(query="where is Paris"), "What for?")

    choice = ChatRequest(system="s", user="u", max_tokens=9, choices=("yes", "no"))
    assert read_reply(choice, "<think>no?</think>yes", "stop", None).output_problem is None
