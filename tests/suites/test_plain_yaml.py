"""YAML that every reader reads the same: what YAML 1.1 takes for another value than it looks like is refused."""

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.errors import SuiteError
from docmind_core.suites.plain_yaml import PlainYamlError, read_plain_yaml, write_plain_yaml
from docmind_core.suites.suite import parse_suite

ADVICE = {
    "010": "write 10,",
    "0100": "write 100,",
    "-010": "write -10,",
    "08": "write 8,",
    "00": "write 0,",
    "00.5": "write 0.5,",
    "1:30": "one decimal number",
    "1:30:00": "one decimal number",
    "190:20:30.15": "one decimal number",
    "0o10": "write 8,",
    "0x1F": "write 31,",
    "0b101": "write 5,",
    "1_000": "write 1000,",
    "1_000.5": "write 1000.5,",
    ".inf": "not a finite number",
    "-.INF": "not a finite number",
    ".nan": "not a finite number",
    "yes": "write true,",
    "Yes": "write true,",
    "ON": "write true,",
    "y": "write true,",
    "no": "write false,",
    "off": "write false,",
    "2026-11-30": "a date",
    "2026-11-30 02:00:00": "a date",
}


@pytest.mark.parametrize("word", ADVICE)
@pytest.mark.parametrize("field", ["limit", "deadline_s", "plumbing", "timezone", "limits"])
def test_an_ambiguous_word_is_refused_in_every_field_with_its_line_and_how_to_write_it(word, field):
    value = f"{{agent_latency_p95_s: {word}}}" if field == "limits" else word
    with pytest.raises(SuiteError) as caught:
        parse_suite(f"name: toy\nquery_set: set\n{field}: {value}\n", source="toy.yaml")

    assert str(caught.value).startswith(f"toy.yaml:3: {word} is ")
    assert ADVICE[word] in str(caught.value)
    assert f"'{word}' in quotes" in str(caught.value)


@pytest.mark.parametrize("word", ADVICE)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_in_quotes_it_is_text(word, quote):
    assert read_plain_yaml(f"a: {quote}{word}{quote}")[0] == {"a": word}


PLAIN = {
    "8": 8,
    "-8": -8,
    "+8": 8,
    "0": 0,
    "0.5": 0.5,
    ".5": 0.5,
    "5.": 5.0,
    "1e3": 1000.0,
    "2.5E-3": 0.0025,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    **{word: word for word in ("nope", "1.2.3", "8080:80a", "=", "<<", "0 2 * * *")},
}


@pytest.mark.parametrize(("word", "value"), PLAIN.items())
def test_what_all_readers_agree_on_is_read(word, value):
    found = read_plain_yaml(f"a: {word}")[0]["a"]

    assert (found, type(found)) == (value, type(value))


@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(max_codepoint=126))
)
def test_json_is_read_as_json_is(value):
    text = json.dumps({"a": value})

    assert read_plain_yaml(text)[0] == json.loads(text)


@given(word=st.from_regex(r"[-+0-9._:xobefinatyYes]{1,8}", fullmatch=True) | st.sampled_from([*ADVICE, *PLAIN]))
def test_a_text_that_looks_like_something_else_is_written_so_that_it_is_read_as_text(word):
    for value in (word, [word], {"a": word}):
        assert read_plain_yaml(write_plain_yaml(value))[0] == value


@given(word=st.from_regex(r"[-+0-9._:xobefinatyYes]{1,8}", fullmatch=True))
def test_no_plain_word_is_a_number_or_switch_that_another_reader_takes_for_something_else(word):
    try:
        ours = read_plain_yaml(f"a: {word}")[0]["a"]
        theirs = yaml.safe_load(f"a: {word}")["a"]
    except (PlainYamlError, yaml.YAMLError, TypeError, ValueError):
        return
    if not isinstance(theirs, str):
        assert theirs == ours or (isinstance(theirs, float) and not math.isfinite(theirs))
