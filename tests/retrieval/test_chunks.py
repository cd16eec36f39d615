import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.retrieval.chunks import chunk_documents, indexed_text
from docmind_core.retrieval.wordpiece import token_count
from tests.documents import make_chunk, make_document

SENTENCES = st.lists(
    st.sampled_from(["One two three.", "Four\nfive!", "  six", "\n\nSeven eight", "猫。犬", "e" * 130])
)
TEXTS = st.one_of(st.text(max_size=300), SENTENCES.map(" ".join))


def solid(text):
    return "".join(text.split())


@given(text=TEXTS, title=st.text(max_size=40), max_tokens=st.integers(4, 40))
def test_chunks_hold_the_whole_text_within_the_limit(text, title, max_tokens):
    chunks = chunk_documents([make_document("d", text, title)], max_tokens=max_tokens)

    assert "".join(solid(chunk.text) for chunk in chunks) == solid(text)
    for position, chunk in enumerate(chunks):
        assert (chunk.chunk_id, chunk.doc_id, chunk.position) == (f"d#{position}", "d", position)
        # A single character may be several tokens, once its parts are written apart.
        assert token_count(indexed_text(chunk)) <= max_tokens or len(solid(chunk.text)) == 1


def test_a_short_document_is_one_chunk_with_its_lay_out():
    document = make_document("d", "def f():\n    return 1\n\n", "Code")

    assert chunk_documents([document]) == (make_chunk("d#0", "def f():\n    return 1", "Code"),)


def test_cuts_fall_between_paragraphs_before_sentences_before_lines():
    paragraph = "One two three. Four five six."
    texts = [chunk.text for chunk in chunk_documents([make_document("d", f"{paragraph}\n\n{paragraph}")], max_tokens=8)]
    assert texts == [paragraph, paragraph]

    texts = [chunk.text for chunk in chunk_documents([make_document("d", paragraph)], max_tokens=6)]
    assert texts == ["One two three.", "Four five six."]

    texts = [chunk.text for chunk in chunk_documents([make_document("d", "one two\nthree four")], max_tokens=4)]
    assert texts == ["one two\nthree four"]
    texts = [chunk.text for chunk in chunk_documents([make_document("d", "one two three\nfour five")], max_tokens=4)]
    assert texts == ["one two three", "four five"]


def test_a_chunk_takes_as_many_neighbours_as_fit():
    text = "\n\n".join(["One two three."] * 7)

    chunks = chunk_documents([make_document("d", text)], max_tokens=12)

    assert [token_count(chunk.text) for chunk in chunks] == [12, 12, 4]


def test_the_title_counts_and_a_long_one_is_cut():
    chunks = chunk_documents([make_document("d", "word " * 300, "title " * 100)], max_tokens=40)

    assert chunks[0].title == "title title title title title title title title title title"
    assert {token_count(indexed_text(chunk)) for chunk in chunks[:-1]} == {40}


@pytest.mark.parametrize(("text", "title", "expected"), [("", "", []), (" \n ", "", []), ("", "Paris", [""])])
def test_an_empty_document_is_found_by_its_title_if_at_all(text, title, expected):
    assert [chunk.text for chunk in chunk_documents([make_document("d", text, title)])] == expected


@pytest.mark.parametrize("text", ["x" * 10_000, "猫" * 5_000, "안녕" * 3_000, "word " * 40_000, "a\n" * 20_000])
def test_a_document_longer_than_any_window_is_cut_without_loss(text):
    chunks = chunk_documents([make_document("d", text)])

    assert "".join(solid(chunk.text) for chunk in chunks) == solid(text)
    assert max(token_count(chunk.text) for chunk in chunks) <= 200
    # Not even a word that the encoder takes for one unknown token makes a passage out of proportion.
    assert max(len(chunk.text) for chunk in chunks) <= 200 * 12


def test_a_window_too_small_for_a_title_is_refused():
    with pytest.raises(ValueError, match="max_tokens must be at least 4, got 3"):
        chunk_documents([], max_tokens=3)
