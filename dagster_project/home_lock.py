"""Waiting for the home: only one benchmark runs in it at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from docmind_core.errors import HomeLocked
from docmind_core.runs.lock import lock_home
from docmind_core.settings import Settings

SECONDS_BETWEEN_TRIES = 2.0


@contextmanager
def hold_home(
    settings: Settings,
    benchmark_run: str,
    announce: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the home's lock for the block, waiting as long as another process has it.

    A scheduled benchmark queues behind the one that somebody runs by hand. The command line takes the lock
    before it launches, so that a second benchmark fails at once; here the lock is this process's already.
    """
    told = False
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(lock_home(settings, f"benchmark run {benchmark_run}"))
                break
            except HomeLocked as error:
                if not told:
                    announce(f"waiting: {error}")
                told = True
                sleep(SECONDS_BETWEEN_TRIES)
        yield
