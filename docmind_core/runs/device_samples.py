"""Device samples of an arm, taken while it runs and kept in the journal: an interruption costs only the last."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.journal import Journal, Row
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import kv_cache_gauge
from docmind_core.telemetry.device_sampler import DeviceSampler, Tick, even_rows


@contextmanager
def sampled_devices(
    journal: Journal,
    run_id: str,
    connection: EngineConnection,
    clock: ClockAnchor,
    *,
    in_flight_limit: Callable[[], int],
    lag: Callable[[], float | None] | None,
) -> Iterator[Callable[[], None]]:
    """Sample while the block runs; yields what writes the samples so far, which the end of the block does as well.

    Args:
        journal: Of the benchmark run.
        run_id: Of the arm.
        connection: To the engine, for its gauge.
        clock: Of the times.
        in_flight_limit: How many calls may be in flight.
        lag: The largest lateness of the processes that ask, since it was asked last; None where nothing measures it.
    """
    with kv_cache_gauge(connection) as kv_cache_usage:
        sampler = DeviceSampler(
            run_id,
            utc=clock.utc,
            kv_cache_usage=kv_cache_usage,
            loop_lag=lag,
            in_flight_limit=in_flight_limit,
        )

        def keep() -> None:
            if ticks := sampler.taken():
                journal.book_ticks(run_id, [asdict(tick) for tick in ticks])

        try:
            with sampler:
                yield keep
        finally:
            keep()


def sampled_rows(journal: Journal, run_id: str) -> Iterator[list[Row]]:
    """Yield, in parts, the rows of `device_samples` of an arm, of all processes that worked on it."""
    widest = max((tick["stride"] for ticks in journal.ticks(run_id) for tick in ticks), default=1)
    for ticks in journal.ticks(run_id):
        yield even_rows([Tick(**tick) for tick in ticks], widest)
