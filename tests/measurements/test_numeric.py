"""Numbers in answers: what asserts the accepted one and what does not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.numeric import number_gold, numeric_match


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        # Decimals within 1 %, integers only when equal.
        ("3.14", "3.14159", 1.0),
        ("1.51", "1.50", 1.0),
        ("1.52", "1.50", 0.0),
        ("101", "100", 0.0),
        ("99", "100", 0.0),
        ("100.0", "100", 1.0),
        ("9007199254740993", "9007199254740992", 0.0),
        ("0.009", "0", 1.0),
        ("0.02", "0", 0.0),
        # Signs: what normalising takes for a pass.
        ("15", "1.5", 0.0),
        ("5", "-5", 0.0),
        ("\N{MINUS SIGN}5", "-5", 1.0),
        ("(100)", "-100", 1.0),
        ("a loss of $(100)", "-$100", 1.0),
        ("forty-two (42)", "42", 1.0),
        # Separators of thousands, and what is ambiguous.
        ("3677 people", "3,677", 1.0),
        ("1.234.567", "1234567", 1.0),
        ("1.234,50", "1234.5", 1.0),
        ("12,34,567", "1234567", 1.0),
        ("1\N{NARROW NO-BREAK SPACE}234", "1234", 1.0),
        ("1.234", "1234", 0.0),
        ("1.234", "1.234", 1.0),
        ("1,5", "1.5", 1.0),
        # Scale words on one side only.
        ("1.2 million", "1,200,000", 1.0),
        ("1200000", "1.2 million", 1.0),
        ("1.2M", "1.2 million", 1.0),
        ("1.2 \N{MULTIPLICATION SIGN} 10^6", "1200000", 1.0),
        ("1.2e6", "1200000", 1.0),
        ("1.2 billion", "1,200,000", 0.0),
        ("1.2", "1.2 million", 0.0),
        ("5 hundred", "500", 1.0),
        # Scripts without spaces.
        ("塔高468米。", "468米", 1.0),
        ("不是468米", "468米", 0.0),
        ("人口约2100万", "21,000,000", 1.0),
        ("約3,000億円です", "3000億円", 1.0),
        ("3", "3万", 0.0),
        # Units: none is fine, another one is a miss.
        ("3,677", "3,677 seated", 1.0),
        ("100", "$100", 1.0),
        ("$ 100", "$100", 1.0),
        ("€100", "$100", 0.0),
        ("100 dollars", "$100", 1.0),
        ("12 percent", "12 %", 1.0),
        ("12", "12 %", 1.0),
        ("0.12", "12 %", 1.0),
        ("12 %", "12", 0.0),
        ("50 %", "0.5", 1.0),
        ("42 kilometres", "42 km", 1.0),
        ("42 miles", "42 km", 0.0),
        ("42 km/h", "42 km", 0.0),
        ("42 square metres", "42 m²", 1.0),
        # Years and dates.
        ("in 1999", "1999", 1.0),
        ("on 12 May 1999", "1999", 1.0),
        ("1999-05-12", "1999", 1.0),
        ("the 1990s", "1990", 0.0),
        # Not a number of the answer.
        ("Python 3.1.2", "3.1", 0.0),
        ("at 10:42", "42", 0.0),
        ("https://example.org/42", "42", 0.0),
        ("utf-8", "8", 0.0),
        ("3D", "3", 0.0),
        # Ranges.
        ("between 3 and 4", "4", 0.0),
        ("10 to 20", "10-20", 1.0),
        ("15", "10-20", 0.0),
        ("10-20, or 30", "10-20", 0.0),
        ("none", "4", 0.0),
        ("", "4", 0.0),
        # Words, fractions, ordinals.
        ("4", "four", 1.0),
        ("there is one maintainer", "1", 1.0),
        ("one of them is 7", "1", 0.0),
        ("half of the staff", "50 %", 1.0),
        ("two and a half", "2.5", 1.0),
        ("\N{VULGAR FRACTION THREE QUARTERS}", "0.75", 1.0),
        ("twenty-first", "21st", 1.0),
        ("21", "21st", 0.0),
    ],
)
def test_numbers(answer, gold, expected):
    assert numeric_match(answer, [gold]) == expected


@pytest.mark.parametrize(
    "gold",
    [
        "utf-8",
        "October 10, 1924",
        "Apollo 11",
        "12 Angry Men",
        "42 Mill Road",
        "IEEE 754",
        "007",
        "Paris",
        "",
        "1, 2, 3 or 4",
    ],
)
def test_a_name_that_holds_a_number_is_none(gold):
    assert numeric_match("11", [gold]) is None


def test_a_sentence_is_judged_by_its_only_number():
    assert numeric_match("1973", ["The plant opened in 1973."], in_sentence=True) == 1.0
    assert numeric_match("1974", ["The plant opened in 1973."], in_sentence=True) == 0.0
    assert numeric_match("1973", ["It opened in 1973 with 42 people."], in_sentence=True) is None
    assert numeric_match("1973", ["It was opened by the mayor."], in_sentence=True) is None


@pytest.mark.parametrize(
    ("question", "gold", "judged"),
    [
        ("When did the plant open?", "The plant opened in 1973.", True),
        ("How many people work there?", "Some 42 people work at the plant in Elwick.", True),
        ("What is the default timeout?", "The default timeout is 30 seconds.", True),
        ("What is the lowest temperature?", "The lowest temperature is -40 °C.", True),
        ("Who opened the plant?", "The mayor opened the plant in 1973.", False),
        ("Why did the plant close?", "It closed because 42 people left.", False),
        ("What is the Sound known for?", "Striped bass, porgy and four species of sharks live there.", False),
        ("Which one failed?", "Kepner is the only one who failed.", False),
        ("When did it open?", "It opened in 1973. Many people came, and the mayor gave a speech.", False),
    ],
)
def test_a_sentence_is_judged_by_its_number_only_where_that_is_the_answer(question, gold, judged):
    assert (number_gold(gold, question=question, in_sentence=True) is not None) is judged


def test_a_scale_that_was_asked_for_need_not_be_said():
    question = "How many million people live there?"
    assert numeric_match("1.5", ["1.5 million"], question=question) == 1.0
    assert numeric_match("1.5 million", ["1.5"], question=question) == 1.0
    assert numeric_match("1.5 billion", ["1.5"], question=question) == 0.0


def test_versions_are_equal_or_not():
    assert numeric_match("3.12", ["3.11"]) == 1.0
    assert numeric_match("3.12", ["3.11"], question="In which version was it added?") == 0.0


def test_any_accepted_number_counts():
    assert numeric_match("7", ["seven", "7"]) == 1.0
    assert numeric_match("8", ["7", "eight"]) == 1.0
    assert numeric_match("7", []) is None


@pytest.mark.parametrize(
    "text", ["9" * 5000, "1 " * 5000, "1-" * 5000, "not " * 2000 + "4", "1e99999999", "4/0", "(" * 5000]
)
def test_no_text_is_too_much(text):
    assert numeric_match(text, ["4"]) == 0.0


STYLES = (
    str,
    "{:,}".format,
    "It is {}.".format,
    "**{}**".format,
    "The answer is {:,}.".format,
    "<b>{}</b>".format,
    '{{"answer": {}}}'.format,
    "Final answer: {}".format,
    "\\boxed{{{}}}".format,
    "```json\n{{\"answer\": \"{}\"}}\n```".format,
    lambda number: f"{number:,}".replace(",", "\N{THIN SPACE}"),
    lambda number: f"{number:,}".replace(",", "'"),
    lambda number: f"{number:_}",
    lambda number: f"{number:,}".replace("-", "\N{MINUS SIGN}"),
    lambda number: f"{Decimal(number) / 1000} thousand",
    lambda number: f"{Decimal(number) / 10**6:f} million",
    lambda number: f"{number - 1} + 1 = {number}" if number > 1 else f"so it is {number}",
    lambda number: f"It is not {number + 1} but {number}.",
    lambda number: f"{number} people",
)  # fmt: skip
WRONG_STYLES = (
    "It is not {}.".format,
    "{} is wrong.".format,
    lambda number: f"{number} or {number + 1}",
    lambda number: f"{number + 1}, {number + 2} and {number}",
    lambda number: f"between {number} and {number + 10}",
    "Is it {}?".format,
    "more than {}".format,
    "If it were {}, all would be well.".format,
    "See page {}.".format,
    lambda number: f"The answer is {number}. The answer is {number + 1}.",
)


@given(st.integers(-(10**12), 10**12), st.sampled_from(STYLES), st.integers(1, 1000), st.booleans())
def test_a_number_matches_itself_in_every_style_and_no_other(number, style, off, up):
    gold, other = f"{number:,}", f"{number + (off if up else -off):,}"
    assert numeric_match(style(number), [gold]) == 1.0
    assert numeric_match(style(number), [other]) == 0.0


@given(st.integers(3000, 10**9), st.sampled_from(WRONG_STYLES))
def test_a_number_that_is_not_asserted_never_matches(number, style):
    assert numeric_match(style(number), [str(number)]) == 0.0


@given(st.decimals(min_value="0.01", max_value=10**6, places=3), st.floats(0.02, 5))
def test_a_decimal_that_is_two_percent_off_does_not_match(number, off):
    gold = f"{number:.3f}"
    assert numeric_match(gold, [gold]) == 1.0
    assert numeric_match(f"{float(number) * (1 + off):.6f}", [gold]) == 0.0


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=30))
def test_reading_never_fails(answer, gold, question):
    assert numeric_match(answer, [gold], question=question) in (None, 0.0, 1.0)
    assert number_gold(gold, in_sentence=True) is not None or numeric_match(answer, [gold], in_sentence=True) is None
