import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.reports.text_safety import markdown_block, markdown_text, one_line, shortened, visible_text


def test_terminal_controls_and_direction_marks_are_spelled_out():
    assert visible_text("a\x1b[31mred\x07\u202e\x85\ud800") == "a\\x1b[31mred\\x07\\u202e\\x85\\ud800"


def test_tabs_and_newlines_stay_in_blocks():
    assert visible_text("a\tb\r\nc") == "a\tb\nc"


@given(st.text())
def test_one_line_never_holds_a_newline_or_a_control_character(text):
    line = one_line(text)
    assert all(character.isprintable() or character.isspace() for character in line if ord(character) < 0x100)
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("`code`", "\\`code\\`"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
        ("two\nlines", "two lines"),
        ("naive_supervisor", "naive_supervisor"),
        ("_emphasis_", "\\_emphasis\\_"),
        ("# heading", "\\# heading"),
        ("back\\|slash", "back\\\\\\|slash"),
    ],
)
def test_markdown_shows_text_letter_by_letter(text, shown):
    assert markdown_text(text) == shown


def test_a_block_can_not_be_closed_from_inside():
    assert markdown_block("a\n````\nb") == "`````text\na\n````\nb\n`````"


def test_shortening_says_how_much_is_missing():
    assert shortened("abcdef", characters=4) == "abcd … [2 more characters]"
    assert shortened("abcd", characters=4) == "abcd"
