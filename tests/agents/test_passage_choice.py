"""The sentence of a passage that fits a question best, by the definition and as fast as it is asked for."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from docmind_core.agents.passage_choice import best_sentences, chosen_passages
from docmind_core.agents.text_overlap import content_words, sentences
from tests.fakes.scripted_tools import make_hit

WORDS = st.sampled_from(["open", "opened", "openings", "ope", "town", "towns", "tow", "old", "harbour", "Harbours"])
SENTENCE = st.lists(WORDS, min_size=1, max_size=5).map(lambda words: " ".join(words).capitalize() + ".")
TEXT = st.lists(SENTENCE, max_size=4).map(" ".join)


def test_the_passage_with_the_one_sentence_that_answers_is_chosen():
    named_often = make_hit(1, text="The harbour is old. The harbour is large. Boats are in the harbour.")
    answers = make_hit(2, text="Trade grew. The harbour opened in 1911. It was paid for by the town.")
    assert chosen_passages(["When was the harbour opened?"], [named_often, answers]) == (answers,)
    assert best_sentences("When was the harbour opened?", [answers])[0].text == "The harbour opened in 1911."


def holds(words, wanted):
    return wanted in words or any(
        min(len(word), len(wanted)) >= 4 and (word.startswith(wanted) or wanted.startswith(word)) for word in words
    )


def by_definition(question, hits):
    words = [content_words(f"{hit.chunk.title} {hit.chunk.text}") for hit in hits]
    counts = {word: sum(holds(each, word) for each in words) for word in content_words(question)}
    weights = {word: 1 / count for word, count in counts.items() if count}

    def worth(hit, piece):
        said = content_words(hit.chunk.title) | content_words(piece)
        return sum(weight for word, weight in weights.items() if holds(said, word))

    found = []
    for hit in hits:
        pieces = [piece.strip() for piece in sentences(hit.chunk.text) if piece.strip()] or [""]
        best = max(pieces, key=lambda piece: (worth(hit, piece), len(content_words(piece) & weights.keys())))
        found.append((hit, best, worth(hit, best)))
    return sorted(found, key=lambda each: -each[2])


@given(question=SENTENCE, texts=st.lists(TEXT, max_size=4))
def test_what_is_kept_of_a_passage_from_query_to_query_gives_what_the_definition_gives(question, texts):
    hits = [make_hit(number, text=text) for number, text in enumerate(texts, start=1)]
    found = [(each.hit, each.text, each.worth) for each in best_sentences(question, hits)]
    assert [each[:2] for each in found] == [each[:2] for each in by_definition(question, hits)]
    assert all(abs(one[2] - other[2]) < 1e-9 for one, other in zip(found, by_definition(question, hits), strict=True))


def test_the_order_of_a_set_which_each_process_has_its_own_of_changes_no_choice(monkeypatch):
    """1 + 1/2 + 1/6 and 1/6 + 1/2 + 1 differ in the last digit, and so would a tie between two passages."""
    hits = [
        make_hit(number, text="harbour " * (number < 2) + "town " * (number < 3) + "open") for number in range(1, 7)
    ]
    found = []
    for words in (["harbour", "town", "open"], ["open", "town", "harbour"]):
        with monkeypatch.context() as patched:
            in_order = partial(_words, of_question=dict.fromkeys(words))
            patched.setattr("docmind_core.agents.passage_choice.content_words", in_order)
            found.append([best.worth for best in best_sentences("?", hits)])
    assert found[0] == found[1]


def _words(text, *, of_question):
    return of_question if text == "?" else content_words(text)
