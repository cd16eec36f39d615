import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.answers import (
    CONTAINED_WORDS_MAX,
    answer_contained,
    exact_match,
    exact_match_squad,
    token_f1,
)
from docmind_core.query_sets.normalising import normalised, vanishes

# Outputs of the SQuAD evaluation script (v1.1) for an answer and its accepted answers: exact match, F1.
SQUAD = [
    ("Paris", ("Paris",), 1.0, 1.0),
    ("The Paris", ("paris.",), 1.0, 1.0),
    ("an apple a day", ("Apple, day!",), 1.0, 1.0),
    ("in the city of Paris", ("Paris",), 0.0, 0.4),
    ("Paris Paris", ("Paris",), 0.0, 0.666667),
    ("Denver Broncos", ("Denver Broncos", "The Denver Broncos", "Broncos"), 1.0, 1.0),
    ("Broncos of Denver", ("Denver Broncos",), 0.0, 0.8),
    ("theatre", ("the atre",), 0.0, 0),
    ("U.S.A.", ("USA",), 1.0, 1.0),
    ("state-of-the-art", ("state of the art", "stateoftheart"), 1.0, 1.0),
    ("1,234", ("1234",), 1.0, 1.0),
    ("12.5 %", ("12.5%",), 1.0, 1.0),
    ("Saint-Étienne", ("saint étienne",), 0.0, 0),
    ("don't", ("dont",), 1.0, 1.0),
    ("“quoted”", ("quoted",), 0.0, 0),
    ("word", ("a",), 0.0, 0),
    ("A B C", ("C B A",), 0.0, 1.0),
    ("one two two three", ("two two four",), 0.0, 0.571429),
    ("\tnew\nlines ", ("new lines",), 1.0, 1.0),
    ("yield from", ("yield",), 0.0, 0.666667),
    ("__init__", ("init",), 1.0, 1.0),
    ("__init__ method", ("`__init__`",), 0.0, 0.666667),
    ("lambda", ("lambdas",), 0.0, 0),
    ("x = y", ("x := y",), 1.0, 1.0),
    ("İstanbul", ("istanbul",), 0.0, 0),
    ("", ("something",), 0.0, 0),
]
MORE_THAN_ASCII = {"“quoted”"}
TEXT = st.text(alphabet=string.printable + "éß“", max_size=40)


@pytest.mark.parametrize(("answer", "golds", "match", "f1"), SQUAD)
def test_matches_the_squad_script(answer, golds, match, f1):
    assert exact_match_squad(answer, golds) == match
    if answer not in MORE_THAN_ASCII:
        assert exact_match(answer, golds) == match
        assert token_f1(answer, golds) == pytest.approx(f1, abs=1e-6)


def test_punctuation_is_what_unicode_calls_so():
    assert (exact_match("“quoted”", ["quoted"]), exact_match_squad("“quoted”", ["quoted"])) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("“Paris”", "Paris"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER P}aris", "Paris"),
        ("ﬁle", "file"),
        ("«Paris»!", "paris"),
        ("state\N{NON-BREAKING HYPHEN}of\N{NON-BREAKING HYPHEN}the-art…", "stateoftheart"),
        ("¿Paris?", "Paris"),
        ("`KeyError`", "KeyError"),
        (
            "e\N{COMBINING ACUTE ACCENT}t\N{COMBINING ACUTE ACCENT}",
            "\N{LATIN SMALL LETTER E WITH ACUTE}t\N{COMBINING ACUTE ACCENT}",
        ),
    ],
)
def test_texts_that_look_alike_are_the_same_answer(answer, gold):
    assert exact_match(answer, [gold]) == token_f1(answer, [gold]) == 1.0


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("A", ["A", " A\n", "`A`"], ["", "the", ".", "B", "a", "An"]),
        ("==", ["==", "`==`"], ["", "!=", "=", "===", "."]),
        ("!=", ["!="], ["=", "==", ""]),
        ("the", ["the"], ["", "a", "The a"]),
        ("...", ["..."], ["", "."]),
        ("*", ["*"], ["**", ""]),
    ],
)
def test_a_gold_of_which_normalising_leaves_nothing_is_compared_as_it_is(gold, right, wrong):
    assert vanishes(gold)
    for formula in (exact_match, token_f1):
        assert [formula(answer, [gold]) for answer in right] == [1.0] * len(right)
        assert [formula(answer, [gold]) for answer in wrong] == [0.0] * len(wrong)


def test_f1_worked_by_hand():
    # common: two, two -> 2; precision 2/4, recall 2/3 -> 2 * (1/2 * 2/3) / (1/2 + 2/3) = 4/7
    assert token_f1("one two two three", ["two two four"]) == pytest.approx(4 / 7)


def test_an_empty_text_shares_no_word():
    assert token_f1("", ["word"]) == 0.0
    assert token_f1("word", ["the"]) == 0.0


@pytest.mark.parametrize("gold", ["yes", "No.", "no answer", "noanswer"])
def test_for_yes_no_and_no_answer_a_shared_word_is_worth_nothing(gold):
    assert token_f1(f"well, {gold} and more", [gold]) == 0.0
    assert token_f1(gold, [gold]) == 1.0


def test_the_best_accepted_answer_counts():
    assert token_f1("New York City", ["Boston", "New York"]) == pytest.approx(0.8)


@given(TEXT, TEXT)
def test_f1_is_a_share_and_an_exact_match_has_all_of_it(answer, gold):
    f1 = token_f1(answer, [gold])
    assert 0.0 <= f1 <= 1.0
    assert exact_match(answer, [gold]) <= f1


@given(TEXT)
def test_normalising_twice_changes_nothing_and_a_text_matches_itself(text):
    assert normalised(normalised(text)) == normalised(text)
    assert exact_match(text, [text]) == token_f1(text, [text]) == 1.0


@pytest.mark.parametrize("formula", [exact_match, exact_match_squad, token_f1])
def test_without_an_accepted_answer_there_is_nothing_to_match(formula):
    with pytest.raises(ValueError, match="at least one accepted answer"):
        formula("x", [])


@pytest.mark.parametrize(
    ("answer", "golds", "rivals", "question", "value"),
    [
        ("It opened in 1973.", ["1973"], (), "", 1.0),
        ("It opened in 1973 or in 1974.", ["1973"], (), "", 0.0),
        ("It had 12 visitors in 1974.", ["12"], (), "How many came in 1974?", 1.0),
        ("It is 1.5 metres.", ["15"], (), "", 0.0),
        ("It is -5 degrees.", ["5"], (), "", 0.0),
        ("It is 1.5 metres.", ["1.5"], (), "", 1.0),
        ("It stands in Elwick Bay.", ["Elwick Bay"], ("Trenby",), "", 1.0),
        ("It stands in Elwick Bay or Trenby.", ["Elwick Bay"], ("Trenby",), "", 0.0),
        ("From Trenby to Elwick.", ["Elwick"], ("Trenby",), "Where does the road from Trenby lead?", 1.0),
        ("The Elwickers like it.", ["Elwick"], (), "", 0.0),
        ("Ada Crane, not Ada Dalton", ["Ada Crane", "A. Crane"], ("Ada Dalton",), "", 0.0),
        ("yes", ["yes"], (), "", 1.0),
        ("yes and no", ["yes"], (), "", 0.0),
        ("", ["Elwick"], (), "", 0.0),
        ("anything", ["the"], (), "", 0.0),
    ],
)
def test_an_answer_contains_its_gold_as_whole_words_and_names_nothing_else_of_its_kind(
    answer, golds, rivals, question, value
):
    assert answer_contained(answer, golds, rivals=rivals, question=question) == value


def test_a_text_of_more_than_thirty_words_contains_no_answer():
    words = ["word"] * (CONTAINED_WORDS_MAX - 1)

    assert answer_contained(" ".join(["Elwick", *words]), ["Elwick"]) == 1.0
    assert answer_contained(" ".join(["Elwick", *words, "more"]), ["Elwick"]) == 0.0


@given(answer=TEXT, gold=TEXT.filter(lambda text: not vanishes(text)))
def test_what_is_an_exact_match_is_contained_too(answer, gold):
    assert answer_contained(gold, [gold]) == 1.0
    assert answer_contained(answer, [gold]) in (0.0, 1.0)
