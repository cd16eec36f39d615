import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.answers import exact_match, normalised, numeric_match, token_f1

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
TEXT = st.text(alphabet=string.printable + "éß“", max_size=40)


@pytest.mark.parametrize(("answer", "golds", "match", "f1"), SQUAD)
def test_matches_the_squad_script(answer, golds, match, f1):
    assert exact_match(answer, golds) == match
    assert token_f1(answer, golds) == pytest.approx(f1, abs=1e-6)


def test_f1_worked_by_hand():
    # common: two, two -> 2; precision 2/4, recall 2/3 -> 2 * (1/2 * 2/3) / (1/2 + 2/3) = 4/7
    assert token_f1("one two two three", ["two two four"]) == pytest.approx(4 / 7)


def test_two_empty_texts_agree_and_one_empty_text_does_not():
    assert token_f1("the", ["A."]) == 1.0
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


@pytest.mark.parametrize("formula", [exact_match, token_f1])
def test_without_an_accepted_answer_there_is_nothing_to_match(formula):
    with pytest.raises(ValueError, match="at least one accepted answer"):
        formula("x", [])


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("about 101", "100", 1.0),
        ("99", "100", 1.0),
        ("98.9", "100", 0.0),
        ("-100", "100", 0.0),
        ("(100)", "-100", 1.0),
        ("$ 100", "$100", 1.0),
        ("100", "$100", 0.0),
        ("$100", "$100", 1.0),
        ("€100", "$100", 0.0),
        ("3677 people seated", "3,677 seated", 1.0),
        ("3,677", "3,677 seated", 0.0),
        ("12 percent", "12 %", 1.0),
        ("12", "12 %", 0.0),
        ("1.2 million", "1,200,000", 1.0),
        ("1.2 billion", "1,200,000", 0.0),
        ("1.2", "1.2 million", 0.0),
        ("0.009", "0", 1.0),
        ("0.02", "0", 0.0),
        ("1998", "1999", 0.0),
        ("in 1999", "1999", 1.0),
        ("1,998", "1,999", 1.0),
        ("utf-16", "utf-8", None),
        ("1, 2, 3 or 4", "4", 0.0),
        ("between 3 and 4", "4", 1.0),
        ("none", "4", 0.0),
        ("", "4", 0.0),
        ("October 10", "October 10, 1924", None),
        ("Python 3.1.2", "3.1", 0.0),
        ("4", "four", None),
    ],
)
def test_numbers(answer, gold, expected):
    assert numeric_match(answer, [gold]) == expected


def test_any_accepted_number_counts():
    assert numeric_match("7", ["seven", "7"]) == 1.0
    assert numeric_match("7", []) is None


@given(st.integers(-(10**9), 10**9))
def test_a_number_matches_itself_however_it_is_written(number):
    assert numeric_match(f"{number:,}", [str(number)]) == 1.0
    assert numeric_match(f"It is {number}.", [f"{number:,}"]) == 1.0


@given(st.integers(3000, 10**9), st.floats(0.02, 5))
def test_a_number_that_is_two_percent_off_does_not(number, off):
    assert numeric_match(f"{number * (1 + off):.2f}", [str(number)]) == 0.0
