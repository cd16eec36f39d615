import pytest

from docmind_core.serving.retrying import RetryPolicy, retry_after_s


@pytest.mark.parametrize(
    ("attempt", "asked_for_s", "low", "high"),
    [
        (1, None, 0.5, 0.625),
        (3, None, 2.0, 2.5),
        (9, None, 10.0, 12.5),
        (1, 4.0, 4.0, 5.0),
        (1, 60.0, 60.0, 75.0),
        (3, 0.0, 2.0, 2.5),
    ],
)
def test_waits_grow_up_to_a_bound_and_are_never_shorter_than_the_engine_asks(attempt, asked_for_s, low, high):
    assert all(low <= RetryPolicy().wait_s(attempt, asked_for_s) <= high for _ in range(20))


@pytest.mark.parametrize(
    ("attempt", "asked_for_s", "last"), [(3, None, False), (4, None, True), (1, 300.0, False), (1, 301.0, True)]
)
def test_attempts_end_after_four_or_where_the_wait_is_out_of_proportion(attempt, asked_for_s, last):
    assert RetryPolicy().gives_up(attempt, asked_for_s) is last


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 02:00:30 GMT", "Date": "Sun, 22 Nov 2026 02:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 02:00:30 -0000", "Date": "Sun, 22 Nov 2026 02:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 01:00:00 GMT", "Date": "Sun, 22 Nov 2026 02:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 1998 02:00:00 GMT"}, 0.0),
    ],
)
def test_the_wait_that_a_response_asks_for_is_a_number_or_a_time_of_day(headers, seconds):
    assert retry_after_s(headers) == seconds
