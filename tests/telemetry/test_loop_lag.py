"""The platform's own lag is measured, and no deadline of the engine pays for it."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docmind_core.telemetry.loop_lag import Deadline, lag_peak_reader, measured_loop
from tests.fakes.skipping_loop import busy, run_skipping


def test_a_loop_that_was_kept_busy_is_late_by_that_and_says_so_once():
    async def work():
        with measured_loop() as lag:
            reader = lag_peak_reader()
            await asyncio.sleep(1.0)
            idle = reader()
            busy(0.8)
            await asyncio.sleep(0.25)
            return idle, reader(), reader(), lag.total_s

    idle, peak, later, total = run_skipping(work())
    assert idle == pytest.approx(0.0)
    assert peak == pytest.approx(0.8, abs=0.11)
    assert later == pytest.approx(0.0)
    assert total == pytest.approx(0.8, abs=0.11)


def test_a_reader_sees_a_loop_that_is_busy_at_this_moment():
    async def work():
        with measured_loop() as lag:
            reader = lag.peak_reader()
            await asyncio.sleep(0.5)
            busy(3.0)
            return reader()

    assert run_skipping(work()) == pytest.approx(2.9, abs=0.11)


async def _within(seconds, *steps):
    """Await and block as `steps` say, seconds each: a positive one is slept, a negative one is busy."""
    limit = Deadline(seconds)
    try:
        async with limit:
            for step in steps:
                if step < 0:
                    busy(-step)
                else:
                    await asyncio.sleep(step)
    except TimeoutError:
        assert limit.expired()
        return "late"
    assert not limit.expired()
    return "in time"


async def _measured(seconds, *steps):
    with measured_loop():
        return await _within(seconds, *steps)


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ((0.5, -5.0, 0.3), "in time"),
        ((0.5, -5.0, 0.7), "late"),
        ((0.9,), "in time"),
        ((1.1,), "late"),
        ((0.3, -1.0, 0.3, -2.0, 0.2), "in time"),
        ((0.3, -1.0, 0.3, -2.0, 0.8), "late"),
    ],
)
def test_a_deadline_counts_only_the_time_that_the_loop_kept(steps, end):
    assert run_skipping(_measured(1.0, *steps)) == end


def test_without_a_measured_loop_and_without_a_limit_it_is_asyncios_timeout():
    assert run_skipping(_within(1.0, 0.5, -5.0, 0.3)) == "late"
    assert run_skipping(_measured(None, 100.0)) == "in time"


def test_a_timeout_of_something_inside_is_not_this_deadline():
    async def work():
        limit = Deadline(5.0)
        with measured_loop():
            try:
                async with limit, asyncio.timeout(1.0):
                    await asyncio.sleep(2.0)
            except TimeoutError:
                return limit.expired()

    assert run_skipping(work()) is False


@settings(max_examples=60)
@given(st.lists(st.one_of(st.floats(0.01, 0.5), st.floats(-3.0, -0.2)), max_size=8), st.floats(0.5, 3.0))
def test_whatever_blocks_the_loop_a_reply_within_nine_tenths_of_the_limit_is_in_time(steps, limit):
    """Of each blockade the part before the next measurement is not seen."""
    blocked = sum(step < 0 for step in steps)
    slept = sum(step for step in steps if step > 0)
    if slept + 0.06 * blocked < limit * 0.9:
        assert run_skipping(_measured(limit, *steps)) == "in time"
