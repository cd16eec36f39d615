"""The key of a benchmark run."""

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_KEY = re.compile(r"\d{8}T\d{6}Z-[a-z0-9][a-z0-9_-]*-[0-9a-f]{4}")

NUMBER = "number.txt"
"""In the folder of a frozen suite: its place in the order of the home's benchmark runs."""
CLOCK_TOLERANCE = timedelta(minutes=10)


def new_benchmark_run(suite_name: str, now: datetime) -> str:
    """Return `<UTC start>-<suite>-<4 random>`: two starts in one second stay apart."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{suite_name}-{_suffix()}"


def _suffix() -> str:
    return secrets.token_hex(2)


def is_benchmark_run(text: str) -> bool:
    """Return whether `text` has the form of a key; anything else never becomes part of a path."""
    return _KEY.fullmatch(text) is not None


def started_at(benchmark_run: str) -> datetime:
    """Return the UTC start in a key."""
    return datetime.strptime(benchmark_run.split("-", 1)[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def suite_of(benchmark_run: str) -> str:
    """Return the name of the suite in a key."""
    return benchmark_run.split("-", 1)[1].rsplit("-", 1)[0]


def in_order(folder: Path, keys: Iterable[str]) -> tuple[str, ...]:
    """Return keys in the order in which their runs were frozen, oldest first.

    Not in the order of their text: a key made while the clock was ahead would stay the newest for as long.

    Args:
        folder: Where frozen suites are, one folder per benchmark run.
        keys: Of benchmark runs.
    """
    return tuple(sorted(keys, key=lambda key: (number_of(folder / key), key)))


def next_number(folder: Path) -> int:
    """Return the number of the next run to be frozen in a home, from 1."""
    found = [path for path in folder.iterdir() if is_benchmark_run(path.name)] if folder.is_dir() else []
    return 1 + max(map(number_of, found), default=0)


def number_of(folder: Path) -> int:
    """Return the place of a run in the order of its home, from 1, by the folder of its frozen suite; 0 without one."""
    try:
        return int((folder / NUMBER).read_text("ascii"))
    except (OSError, ValueError):
        return 0  # its file is lost or damaged: such a run comes first


def has_begun(benchmark_run: str, now: datetime) -> bool:
    """Return whether the start time in a key has passed; it can be in the future if the clock was ahead."""
    return started_at(benchmark_run) <= now + CLOCK_TOLERANCE


def benchmark_runs_of(folder: Path, suite_name: str) -> tuple[str, ...]:
    """Return the keys of a suite's benchmark runs, oldest first.

    Args:
        folder: Where frozen suites are, one folder per benchmark run.
        suite_name: The suite.
    """
    if not folder.is_dir():
        return ()
    names = [path.name for path in folder.iterdir()]
    return in_order(folder, (name for name in names if is_benchmark_run(name) and suite_of(name) == suite_name))


def benchmark_run_of(run_id: str) -> str:
    """Return the key in a run id: it has no dot, an arm's name may have some."""
    return run_id.split(".", 1)[0]


def run_id_of(benchmark_run: str, arm: str) -> str:
    """Return the id of one arm of a benchmark run."""
    return f"{benchmark_run}.{arm}"
