"""How many calls an arm kept in flight, and by how much this platform itself was late."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from docmind_core.runs.journal import Row

_Interval = tuple[int, int]


def load_facts(
    query_rows: Sequence[Row],
    spans: Sequence[Row],
    calls: Sequence[Row],
    samples: Sequence[Row],
    *,
    concurrency: int | None,
    interrupted: bool,
) -> Row:
    """Return the columns of `runs` about the load.

    Args:
        query_rows: Of the arm, warm-up left out.
        spans: Of the arm.
        calls: Its attempts.
        samples: Its rows of `device_samples`.
        concurrency: What the suite asked for; None for `auto`.
        interrupted: Whether several processes worked on the arm: their clocks have nothing in common.
    """
    because = "resumed" if interrupted or any(row["times_missing_because"] == "resumed" for row in query_rows) else None
    if any(call["query_id"] is None for call in calls):
        because = because or "unattributed"
    achieved = None
    if because is None:
        achieved, because = achieved_concurrency(query_rows, spans, concurrency)
    lags, limits = (_known(samples, column) for column in ("loop_lag_s", "in_flight_limit"))
    return {
        "achieved_concurrency": achieved,
        "concurrency_missing_because": because,
        "in_flight_min": min(limits, default=None),
        "in_flight_max": max(limits, default=None),
        "loop_lag_max_s": max(lags, default=None),
    }


def achieved_concurrency(
    query_rows: Sequence[Row], spans: Sequence[Row], concurrency: int | None
) -> tuple[float | None, str | None]:
    """Return the mean number of calls in flight while there were queries left to begin, or None and the reason.

    That time is, in each block, from the first query's start to the last one's: afterwards fewer and fewer are under
    way whatever the platform does. A block that never had more queries than places says nothing.
    """
    blocks = {_place(row): row["block"] for row in query_rows}
    starts: defaultdict[int, list[int]] = defaultdict(list)
    calls: defaultdict[int, list[_Interval]] = defaultdict(list)
    for span in spans:
        block = blocks.get(_place(span))
        if block is None:
            continue
        if span["parent_id"] is None:
            starts[block].append(span["t0"])
        elif span["op"] == "chat":
            calls[block].append((span["t0"], span["t1"]))
    if not calls:
        return None, "no_model_call"
    asking = {block: (min(begun), max(begun)) for block, begun in starts.items() if len(begun) > (concurrency or 1)}
    asked_ns = sum(end - start for start, end in asking.values())
    if asked_ns <= 0:
        return None, "n_too_small"
    return sum(sum(_within(calls[block], window)) for block, window in asking.items()) / asked_ns, None


def _within(intervals: Sequence[_Interval], window: _Interval) -> Iterator[int]:
    for start, end in intervals:
        yield max(0, min(end, window[1]) - max(start, window[0]))


def _place(row: Row) -> tuple[str, int]:
    return row["query_id"], row["replicate"]


def _known(samples: Sequence[Row], column: str) -> list[float]:
    return [row[column] for row in samples if row.get(column) is not None]
