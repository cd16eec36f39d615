"""Interrupting asynchronous work in order.

A signal handler that raises does so wherever the event loop happens to be, in the middle of writing to a socket too:
asyncio takes that for a broken connection, prints a traceback and continues. So a signal cancels the work first.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
_TURNS_TO_SEE_A_SIGNAL = 3
"""Of the event loop: it polls, reads which signal it was, and calls the handler."""


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end; a SIGINT or SIGTERM cancels it and is raised again once its tasks have ended.

    The handlers that were there before see the signal then. Outside the main thread, which gets no signals, this is
    `asyncio.run`.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    caught: list[int] = []
    try:
        return asyncio.run(_cancelled_by_signals(work, caught))
    except asyncio.CancelledError:
        for number in caught[:1]:
            signal.raise_signal(number)
        raise


async def _cancelled_by_signals(work: Coroutine[Any, Any, T], caught: list[int]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel(number: int) -> None:
        caught.append(number)
        if task is not None:
            task.cancel()

    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    for number in before:
        loop.add_signal_handler(number, cancel, number)
    try:
        result = await work
        for _ in range(_TURNS_TO_SEE_A_SIGNAL):  # one that came in the work's last step, which did not await anything
            await asyncio.sleep(0)
        if caught:
            raise asyncio.CancelledError
        return result
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
