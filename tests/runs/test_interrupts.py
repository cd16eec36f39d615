import asyncio
import os
import signal

import pytest

from docmind_core.runs.interrupts import run_interruptibly


class Interrupted(BaseException):
    """What a handler raises, as Dagster's does."""


@pytest.fixture
def raising_handlers():
    """Handlers that raise wherever the program is."""

    def interrupt(number, frame):
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def signal_then_wait(number, ended):
    os.kill(os.getpid(), number)
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cleaned up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_work_clean_up_and_then_reaches_the_handler_that_was_there(raising_handlers, number):
    ended = []

    with pytest.raises(Interrupted) as raised:
        run_interruptibly(signal_then_wait(number, ended))

    assert ended == ["cleaned up"]
    assert raised.value.args == (number,)


@pytest.mark.usefixtures("raising_handlers")
def test_handlers_are_back_after_work_that_no_one_interrupted():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    assert run_interruptibly(asyncio.sleep(0, "done")) == "done"

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_the_work_runs_as_well():
    async def in_thread():
        return await asyncio.to_thread(run_interruptibly, asyncio.sleep(0, "done"))

    assert asyncio.run(in_thread()) == "done"


def test_an_error_of_the_work_arrives_as_it_is():
    async def fail():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_interruptibly(fail())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_last_step_of_the_work_is_not_lost(raising_handlers, number):
    """Folding and publishing the last arm wait for nothing, so the loop sees the signal only afterwards."""

    async def publish():
        os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as raised:
        run_interruptibly(publish())

    assert raised.value.args == (number,)
