from datetime import UTC, datetime, timedelta, timezone

import pytest

from docmind_core.metrics.signs import signed
from docmind_core.reports.number_text import (
    count_text,
    duration_text,
    interval_text,
    moment_text,
    percent_text,
    ratio_text,
    times_text,
)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (count_text(1234), "1,234"),
        (count_text(3.5), "3.5"),
        (count_text(0), "0"),
        (count_text(-1234), "−1,234"),
        (percent_text(41.4), "41 %"),
        (percent_text(-2.34), "−2.3 %"),
        (percent_text(-0.001), "0.0 %"),
        (ratio_text(0.256), "0.26"),
        (times_text(1.834), "1.83 ×"),
        (duration_text(1.2345), "1.23 s"),
        (duration_text(0.0562), "56 ms"),
        (duration_text(0.00042), "0.42 ms"),
        (duration_text(0.0), "0 ms"),
        (duration_text(12.34), "12.3 s"),
        (duration_text(0.99951), "1 s"),
        (duration_text(0.99949), "999 ms"),
        (duration_text(125), "2 min 05 s"),
        (signed(-25.34, "+.1f"), "−25.3"),
        (signed(-0.04, "+.1f"), "+0.0"),
        (signed(-0.04, ".1f"), "0.0"),
        (signed(None, ".1f"), "?"),
        (interval_text(-0.4, 0.15, decimals=2), "−0.40 to 0.15"),
        (duration_text(59.96), "1 min 00 s"),
        (duration_text(-67.2), "−1 min 07 s"),
        (duration_text(7800), "2 h 10 min"),
    ],
)
def test_numbers_are_rounded_to_what_a_reader_can_use(shown, text):
    assert shown == text


@pytest.mark.parametrize("text", [count_text, percent_text, ratio_text, times_text, duration_text])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_missing_value_is_named_and_never_zero(text, value):
    assert text(value, "no_usage") == "not measured: the engine sent no usage"
    assert text(value) == "not measured"


def test_an_interval_without_an_end_is_left_out():
    assert interval_text(None, 1.0, decimals=2) == ""


def test_times_are_shown_in_utc_whether_they_say_so_or_not():
    there = datetime(2026, 11, 22, 3, 0, tzinfo=timezone(timedelta(hours=1)))
    assert moment_text(there) == "2026-11-22 02:00:00 UTC"
    assert moment_text(there.astimezone(UTC)) == "2026-11-22 02:00:00 UTC"
    assert moment_text(None) == "not measured"
