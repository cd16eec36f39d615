"""Passages that nearly repeat another one."""

import random

import pytest

from docmind_core.agents.text_overlap import CONTAINMENT, KeptTexts, _shingles, without_near_duplicates
from tests.fakes.scripted_tools import make_hit

LONG = "The method is called with the key when the key is not found in a subclass of dict, and may raise KeyError."


def kept(*texts):
    hits = [make_hit(number, text=text) for number, text in enumerate(texts, start=1)]
    return [hits.index(hit) for hit in without_near_duplicates(hits)]


@pytest.mark.parametrize(
    ("second", "survives"),
    [
        (LONG, False),
        (LONG.upper().replace(",", " ;"), False),
        (LONG.replace("KeyError", "an error"), False),
        ("It is called with the key when the key is not found in a list of things, and never raises.", True),
        ("Something else.", True),
        (f"{LONG} {LONG.replace('key', 'index').replace('method', 'function')} And more.", True),
    ],
)
def test_a_passage_is_a_repeat_when_four_fifths_of_it_are_in_one_passage_before_it(second, survives):
    """S31."""
    assert kept(LONG, second) == ([0, 1] if survives else [0])


def test_the_first_is_kept_with_its_own_id():
    first, second = make_hit(1, text=LONG), make_hit(2, text=LONG)
    assert without_near_duplicates([second, first]) == (second,)


def test_short_passages_are_repeats_only_when_they_are_equal():
    assert kept("Yes.", "yes", "No.") == [0, 2]


def test_so_many_are_returned_as_are_wanted():
    hits = [make_hit(1, text=LONG), make_hit(2, text=LONG), make_hit(3, text="Yes."), make_hit(4, text="No.")]
    assert without_near_duplicates(hits, wanted=2) == (hits[0], hits[2])


def test_what_was_read_before_is_not_returned():
    first, second = make_hit(1, text=LONG), make_hit(2, text=LONG)
    assert without_near_duplicates([second], already_read=[first]) == ()


def test_the_search_for_a_repeat_finds_what_comparing_each_with_each_finds():
    """S31: asking for a few shingles first leaves nothing out, whatever boilerplate the texts share."""
    draws = random.Random(7)
    boilerplate = " ".join(f"boiler{place}" for place in range(27))
    texts = []
    for number in range(200):
        own = [f"text{draws.randrange(60)}_{place}" for place in range(73)]
        base = [f"text{number % 40}_{place}" for place in range(73)]
        changed = draws.randrange(40)
        texts.append(" ".join([boilerplate, *base[: 73 - changed], *own[73 - changed :]]))

    taken, kept, found, wanted = KeptTexts(), [], [], []
    for text in texts:
        shingles = _shingles(text).all
        repeats = (place for place, other in enumerate(kept) if len(shingles & other) >= CONTAINMENT * len(shingles))
        wanted.append(next(repeats, None))
        found.append(taken.take(text))
        if wanted[-1] is None:
            kept.append(shingles)

    assert found == wanted
    assert 20 < len(kept) < 180
