"""Removing old benchmark runs with their tables, journals and reports, and leftovers of runs that never started."""

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from docmind_core.errors import RunError
from docmind_core.runs.keys import benchmark_run_of, in_order, is_benchmark_run, started_at, suite_of
from docmind_core.runs.lock import lock_home
from docmind_core.runs.shard_journals import shards_folder
from docmind_core.settings import Settings
from docmind_core.tables.baselines import change_baselines, read_baselines
from docmind_core.tables.publish import publish
from docmind_core.tables.schema import TABLES
from docmind_core.tables.summaries import SUMMARIES

PART = ".part"
"""Ends the name of the folder of a suite that is being frozen, after the number of the process."""
_GIVEN_UP = ".pruned"
"""Ends the name of a folder whose run is being removed: it is no longer a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRun:
    """A benchmark run that is not among the newest of its suite."""

    benchmark_run: str
    suite: str
    bytes: int
    """What removing it frees; its rows in the published database come on top."""


def old_runs(settings: Settings, *, keep: int, force: bool = False) -> tuple[OldRun, ...]:
    """Return the benchmark runs beyond the newest `keep` of each suite, and what an interrupted pruning left.

    Args:
        settings: The home.
        keep: Runs of each suite that stay.
        force: Whether pinned baselines go too.
    """
    by_suite: dict[str, list[str]] = defaultdict(list)
    if settings.benchmarks.is_dir():
        found = (path.name for path in settings.benchmarks.iterdir() if is_benchmark_run(path.name))
        for key in in_order(settings.benchmarks, found):
            by_suite[suite_of(key)].append(key)
    beyond = {key for keys in by_suite.values() for key in keys[: max(0, len(keys) - keep)]}
    beyond -= set() if force else pinned_runs(settings)
    chosen = sorted(beyond.union(_given_up(settings)))
    return tuple(OldRun(benchmark_run=key, suite=suite_of(key), bytes=_size(settings, key)) for key in chosen)


def pinned_runs(settings: Settings) -> frozenset[str]:
    """Return the benchmark runs of which an arm is a pinned baseline.

    Raises:
        StoreError: If the baselines can't be read: nothing is pruned then.
    """
    return frozenset(benchmark_run_of(one.run_id) for one in read_baselines(settings))


def prune_runs(settings: Settings, *, keep: int, force: bool = False) -> tuple[OldRun, ...]:
    """Remove what `old_runs` returns, publish the database without it, and return it.

    The folder of the frozen suite, which makes a run a run, gets another name first, so that a half-removed run can't
    be resumed; it goes last, so that the next pruning removes what a process that died in the middle left.

    Raises:
        HomeLocked: If a benchmark is running in this home; nothing is removed then.
        RunError: If something can't be removed.
    """
    with lock_home(settings, f"docmind prune --keep {keep}"):
        chosen = old_runs(settings, keep=keep, force=force)
        gone = {run.benchmark_run for run in chosen}
        if not gone.isdisjoint(pinned_runs(settings)):
            change_baselines(
                settings, lambda before: [one for one in before if benchmark_run_of(one.run_id) not in gone]
            )
        try:
            _remove_runs(settings, chosen)
            for path in old_files(settings):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{error.filename}: can't be removed ({error.strerror}). Fix this, then prune again."
            ) from error
        return chosen


def _remove_runs(settings: Settings, chosen: Sequence[OldRun]) -> None:
    if not chosen:
        return
    for run in chosen:
        if (folder := settings.benchmarks / run.benchmark_run).exists():
            folder.rename(folder.with_name(f"{run.benchmark_run}{_GIVEN_UP}"))
    for run in chosen:
        for path in _results(settings, run.benchmark_run):
            _remove(path)
    publish(settings, rebuild=True)
    for run in chosen:
        _remove(settings.benchmarks / f"{run.benchmark_run}{_GIVEN_UP}")


def oldest_start(settings: Settings) -> datetime | None:
    """Return when the oldest benchmark run of the home began; None without one."""
    found = [path.name for path in settings.benchmarks.iterdir()] if settings.benchmarks.is_dir() else []
    return min((started_at(name) for name in found if is_benchmark_run(name)), default=None)


def old_files(settings: Settings) -> tuple[Path, ...]:
    """Return the period reports and engine logs that are older than every benchmark run of the home.

    The log of the engine that the oldest run may have used stays: the last one that was begun before it.
    """
    oldest = oldest_start(settings)
    if oldest is None:
        return ()
    periods = [path for path in (settings.reports / "periods").glob("*") if (_moment_of(path) or oldest) < oldest]
    logs = sorted(
        (path for path in settings.logs.glob("engine-*.log") if (_moment_of(path) or oldest) < oldest),
        key=lambda path: str(_moment_of(path)),
    )
    return (*sorted(periods), *logs[:-1])


def _moment_of(path: Path) -> datetime | None:
    found = re.search(r"(\d{8})[T_](\d{6})", path.name)
    try:
        return datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _given_up(settings: Settings) -> Iterator[str]:
    for path in settings.benchmarks.glob(f"*{_GIVEN_UP}"):
        if is_benchmark_run(key := path.name.removesuffix(_GIVEN_UP)):
            yield key


def _results(settings: Settings, key: str) -> Iterator[Path]:
    """Yield what a run has besides its frozen suite; `runs` last, as it was written last."""
    for table in sorted(TABLES, key=lambda table: table == "runs"):
        yield from sorted((settings.tables / table).glob(f"{key}.*"))
    yield from sorted((settings.home / SUMMARIES).glob(f"{key}.*"))
    yield shards_folder(settings, key)
    for suffix in (".sqlite-wal", ".sqlite-shm", ".sqlite"):
        yield settings.journals / f"{key}{suffix}"
    yield from sorted((settings.logs / "systems").glob(f"{key}.*"))
    yield settings.reports / key


def _size(settings: Settings, key: str) -> int:
    paths = [*_results(settings, key), *(settings.benchmarks / f"{key}{end}" for end in ("", _GIVEN_UP))]
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def half_frozen(settings: Settings) -> tuple[Path, ...]:
    """Return the folders left by a process that died while freezing a suite; no run ever used them."""
    if not settings.benchmarks.is_dir():
        return ()
    return tuple(
        path for path in sorted(settings.benchmarks.iterdir()) if path.is_dir() and _is_half_frozen(settings, path)
    )


def remove_half_frozen(settings: Settings) -> None:
    """Remove what `half_frozen` returns.

    Raises:
        RunError: If something can't be removed.
    """
    try:
        for folder in half_frozen(settings):
            shutil.rmtree(folder)
    except OSError as error:
        raise RunError(f"{error.filename}: cannot be removed ({error.strerror}). Remove it, then try again.") from error


def _is_half_frozen(settings: Settings, folder: Path) -> bool:
    if part := re.fullmatch(rf"\..+\.(\d+){re.escape(PART)}", folder.name):
        return not psutil.pid_exists(int(part[1]))
    if not is_benchmark_run(folder.name) or (folder / "suite.yaml").exists():
        return False
    return not any(path.exists() for path in _results(settings, folder.name))
