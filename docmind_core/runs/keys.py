"""The key of a benchmark run."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

_KEY = re.compile(r"\d{8}T\d{6}Z-[a-z0-9][a-z0-9_-]*-[0-9a-f]{4}")


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


def benchmark_runs_of(folder: Path, suite_name: str) -> tuple[str, ...]:
    """Return the keys of a suite's benchmark runs, oldest first.

    Args:
        folder: Where frozen suites are, one folder per benchmark run.
        suite_name: The suite.
    """
    if not folder.is_dir():
        return ()
    names = [path.name for path in folder.iterdir()]
    return tuple(sorted(name for name in names if is_benchmark_run(name) and suite_of(name) == suite_name))


def run_id_of(benchmark_run: str, arm: str) -> str:
    """Return the id of one arm of a benchmark run."""
    return f"{benchmark_run}.{arm}"
