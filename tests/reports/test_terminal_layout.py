"""Lines laid out for the width of a terminal."""

import pytest

from docmind_core.reports.terminal_layout import indented_lines, table_lines, wrapped_lines

RESUME = "interrupted; resume with: docmind bench toy.yaml --resume 20261122T020000Z-toy-7f3a"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        (RESUME, 80, ["interrupted; resume with:", "docmind bench toy.yaml --resume 20261122T020000Z-toy-7f3a"]),
        (RESUME, 40, [*("interrupted; resume with: docmind bench", "toy.yaml --resume"), "20261122T020000Z-toy-7f3a"]),
        (
            "no pinned baselines; pin one: docmind baseline pin a.b --reason WHY; or continue",
            50,
            ["no pinned baselines; pin one:", "docmind baseline pin a.b --reason WHY; or continue"],
        ),
        ("there is docmind in the middle of this sentence", 30, ["there is docmind in the middle", "of this sentence"]),
    ],
)
def test_a_command_to_copy_is_not_broken_where_it_fits_into_a_line(text, width, lines):
    assert wrapped_lines(text, width) == lines


def test_what_continues_a_line_is_indented_and_what_fits_is_left_as_it_is():
    assert indented_lines("one two three", 9, indent=2) == ["one two", "  three"]
    assert indented_lines("  LINE 1: from    x", 30, indent=2) == ["  LINE 1: from    x"]
    assert indented_lines("    deep in there", 10) == ["    deep", "    in", "    there"]
    assert indented_lines("a  pipe gets it as it is", None) == ["a  pipe gets it as it is"]


def test_a_table_that_does_not_fit_shows_the_columns_that_matter_first_in_their_order():
    names = ["metric", "baseline", "candidate", "verdict"]
    rows = [[f"metric {number}", "b" * 20, "c" * 20, "worse"] for number in range(40)]
    head, *_, note = table_lines(names, rows, 45, keep=("metric", "verdict"))
    assert head.split() == ["metric", "baseline", "verdict"]
    assert "candidate" in " ".join([*_, note])
