"""Waiting for the home: only one benchmark runs in it at a time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg

from docmind_core.errors import HomeLocked
from docmind_core.runs.lock import lock_home
from docmind_core.settings import Settings

SECONDS_BETWEEN_TRIES = 5.0
SECONDS_BETWEEN_TRIES_MAX = 60.0
TRIES_MAX = 1_000_000


@contextmanager
def hold_home(
    settings: Settings, benchmark_run: str, announce: Callable[[str], None], *, tries_before: int
) -> Iterator[None]:
    """Hold the home's lock for the block, or ask Dagster to try the step again while another process has it.

    A scheduled benchmark queues until one started by hand has ended. It must not wait here: the step holds the
    slot of the pool `engine`, for which a run of the command line waits with the lock in its hand, and both would wait
    for ever. Between two tries the slot is free. The command line takes the lock before it launches, so that a second
    benchmark fails at once; here the lock is this process's already.

    Raises:
        RetryRequested: If another process has the home.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lock_home(settings, f"benchmark run {benchmark_run}"))
        except HomeLocked as error:
            if tries_before == 0:
                announce(f"waiting: {error}")
            pause_s = min(SECONDS_BETWEEN_TRIES_MAX, SECONDS_BETWEEN_TRIES * (tries_before + 1))
            raise dg.RetryRequested(max_retries=TRIES_MAX, seconds_to_wait=pause_s) from error
        yield
