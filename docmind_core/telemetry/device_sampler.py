"""Samples of GPUs, host and KV cache while an arm runs, taken by a thread in the background."""

import json
import platform
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic_ns
from types import TracebackType
from typing import Self

import psutil

from docmind_core.telemetry.gpus import GIB, NOT_SUPPORTED, Gpu, Gpus, open_gpus, read_gpu

INTERVAL_S = 0.5
"""NVML's own window of utilisation is between a sixth of a second and a second."""
TICKS_PER_KV_READING = 4
"""The engine's gauge costs it a request; once in two seconds shows a cache filling up."""
TICKS_KEPT = 40_000
"""Of one process; five and a half hours at the usual interval, then half as many per hour."""

Row = dict[str, object]
KvCacheUsage = Callable[[], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One moment of sampling."""

    number: int
    """Intervals since sampling began, counted in the first interval, which may have doubled since; 0 for the last."""
    stride: int
    """What the numbers of this and its neighbours are multiples of: how often the interval had doubled."""
    rows: list[Row]
    """Rows of `device_samples`."""


def even_rows(ticks: Sequence[Tick], widest: int | None = None) -> list[Row]:
    """Return the rows of ticks at the widest interval that any of their arm was taken at.

    Means over a run would else count its first hours twice, or those of another process.

    Args:
        ticks: In the order they were taken.
        widest: The widest stride of the arm; that of `ticks`, when they are all.
    """
    stride = widest or max((tick.stride for tick in ticks), default=1)
    return [
        row
        for tick in ticks
        if tick.number % stride == 0
        for row in tick.rows
        if row["source"] != "engine" or tick.number % (stride * TICKS_PER_KV_READING) == 0
    ]


class DeviceSampler:
    """Samples while its block runs; `taken` hands them over.

    A broken sensor never ends a benchmark: what can't be read is NULL with a status. When sampling takes longer than
    `TICKS_KEPT` intervals, the interval doubles, and again after as many of those.
    """

    def __init__(
        self,
        run_id: str,
        *,
        utc: Callable[[int], datetime],
        kv_cache_usage: KvCacheUsage | None = None,
        loop_lag: Callable[[], float | None] | None = None,
        in_flight_limit: Callable[[], int] | None = None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Prepare to sample.

        Args:
            run_id: Run that the samples belong to.
            utc: Gives the time of a stamp of the monotonic clock, the clock of spans.
            kv_cache_usage: Asks the engine for the share of its KV cache in use, None when it does not say.
            loop_lag: Tells the largest lag of the event loop since it was asked last, seconds; None if unknown.
            in_flight_limit: Says how many calls may be in flight now.
            interval_s: Seconds between two samples.
        """
        self._run_id = run_id
        self._utc = utc
        self._kv_cache_usage = kv_cache_usage
        self._loop_lag = loop_lag
        self._in_flight_limit = in_flight_limit
        self._interval_s = interval_s
        self._ticks: deque[Tick] = deque()
        self._gpus = Gpus(because=NOT_SUPPORTED)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="device-sampler", daemon=True)

    def taken(self) -> list[Tick]:
        """Return the ticks since the last look, in the order they were taken; each is handed over once."""
        return [self._ticks.popleft() for _ in range(len(self._ticks))]

    def __enter__(self) -> Self:
        self._gpus = open_gpus()
        psutil.cpu_percent()  # begins its measuring interval
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        """Sample at once, then at each interval, and once more at the end: the shortest arm has two."""
        number, stride = 0, 1
        while True:
            is_last = self._ended.is_set()
            self._ticks.append(Tick(number=0 if is_last else number, stride=stride, rows=self._look(number, stride)))
            if is_last:
                return
            if number >= TICKS_KEPT * stride:
                stride *= 2
            number += stride
            self._ended.wait(self._interval_s * stride)

    def _look(self, number: int, stride: int) -> list[Row]:
        stamp = monotonic_ns()
        rows = [self._row(stamp, "nvml", gpu.index, **gpu.identity, **_gpu_columns(gpu)) for gpu in self._gpus.devices]
        rows.append(self._row(stamp, "host", 0, **self._host(is_first=number == 0)))
        if self._kv_cache_usage is not None and number % (stride * TICKS_PER_KV_READING) == 0:
            usage = self._kv_cache_usage()
            status = "ok" if usage is not None else f"unavailable:{NOT_SUPPORTED}"
            rows.append(self._row(stamp, "engine", 0, kv_cache_usage_ratio=usage, status=status))
        return rows

    def _row(self, stamp: int, source: str, device_index: int, **columns: object) -> Row:
        return {
            "run_id": self._run_id,
            "source": source,
            "device_index": device_index,
            "sampled_at_ns": stamp,
            "sampled_at": self._utc(stamp),
            **columns,
        }

    def _host(self, *, is_first: bool) -> Row:
        memory = psutil.virtual_memory()
        because = self._gpus.because
        return {
            "name": platform.machine(),
            "host_memory_used_gib": (memory.total - memory.available) / GIB,
            # The first interval is too short to say anything.
            "host_cpu_pct": None if is_first else psutil.cpu_percent(),
            "platform_rss_gib": psutil.Process().memory_info().rss / GIB,
            "loop_lag_s": self._loop_lag() if self._loop_lag else None,
            "in_flight_limit": self._in_flight_limit() if self._in_flight_limit else None,
            "status": f"unavailable:{because}" if because else "ok",
        }


def _gpu_columns(gpu: Gpu) -> Row:
    values, unsupported = read_gpu(gpu)
    return {
        **values,
        "status": f"unavailable:{NOT_SUPPORTED}" if "memory" in unsupported else "ok",
        "not_supported": json.dumps(unsupported) if unsupported else None,
    }
