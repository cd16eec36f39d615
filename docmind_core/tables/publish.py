"""Building `metrics.duckdb` from the segments and putting it in place at once."""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import psutil

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.alert_tables import copy_alerts
from docmind_core.tables.baselines import baselines_path, copy_baselines
from docmind_core.tables.broken_rows import literal, literals
from docmind_core.tables.building import SEGMENTS, create, definitions, delete, describe, insert
from docmind_core.tables.connecting import give_back, open_new, open_read_only, spill_folder, transaction
from docmind_core.tables.damage import set_aside, unreadable_segments
from docmind_core.tables.packing import pack, segments_on_disk
from docmind_core.tables.result_tables import BASELINES
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import Segments, mark_of, replace_durably
from docmind_core.tables.summaries import SUMMARIES, replace_summaries, summary_marks

log = logging.getLogger(__name__)

CHEAP_BYTES = 128 * 2**20
"""A database up to this size is published after each arm; a larger one when the benchmark run is done."""


_ALERTS = "alerts"
"""Names the source of all tables of alerts in `store.segments`."""


def publish(settings: Settings, *, rebuild: bool = False, ended: str | None = None) -> Path:
    """Bring a copy of the published database up to the segments, then replace the published one.

    Only segments that were written or removed since are read, so that it costs the same however long the history is.
    All are where nothing was published yet, where another version published, and where most of the rows changed.

    Readers never wait and never fail: they see the old file until they open the new one. Of several processes that
    publish at once, each waits for the one before it, so that the file in place never lacks a segment that was there
    when its own publisher was called.

    A segment that cannot be read is set aside (`damage`), and its run is left out until it is repaired.

    Args:
        settings: The home.
        rebuild: Read all segments, whatever is published: after a repair, or to make the file small again.
        ended: A benchmark run of which all tables were written by now; its segments are packed.

    Raises:
        StoreError: If a row breaks a key or a check; then the old file stays.
    """
    target = settings.metrics_database
    settings.make_home()
    with _one_at_a_time(target.parent):
        try:
            _publish(settings, rebuild=rebuild, ended=ended)
        except StoreError:
            damaged = list(unreadable_segments(settings.tables))
            if not damaged:
                raise
            for path, _ in damaged:
                set_aside(path)
            _publish(settings, rebuild=rebuild, ended=ended)
    return target


def publish_while_cheap(settings: Settings) -> None:
    """Publish, unless the database is so large that copying it after each arm would be felt."""
    target = settings.metrics_database
    if not target.exists() or target.stat().st_size <= CHEAP_BYTES:
        publish(settings)


def publish_first(settings: Settings) -> None:
    """Publish what there is, if only empty tables, where nothing was published yet: a reader finds them at once.

    What keeps it from being published (a full disk, a damaged segment) is reported when the first rows are published.
    """
    if not settings.metrics_database.exists():
        with suppress(duckdb.Error, OSError, StoreError):
            publish(settings)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Hold the folder itself locked: no file of its own, and the kernel frees it when the process ends."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _publish(settings: Settings, *, rebuild: bool, ended: str | None) -> None:
    if ended is not None:
        pack(settings.tables, ended, complete=True)
    target, found = settings.metrics_database, _sources(settings)
    _remove_parts_of_the_dead(target)
    recorded = None if rebuild else _recorded(target)
    if recorded == found:
        return

    def build(connection: duckdb.DuckDBPyConnection) -> None:
        with transaction(connection):  # the comments alone would be 250 commits
            create(connection, stored=True)
            describe(connection)
        _update(connection, settings, {}, found)

    # A file from which most rows are deleted stays as large as it was.
    if recorded is not None and 2 * _count(_changed(found, recorded)) <= _count(recorded):
        try:
            _replace(target, lambda copy: _update(copy, settings, recorded, found), begin_with=target)
        except duckdb.Error as error:
            log.warning("%s can't be brought up to date (%s); it is built again", target, error)
        else:
            return
    _replace(target, build)


def _sources(settings: Settings) -> Segments:
    """Return the marks of all that is published, once all that was packed before is packed again."""
    on_disk = segments_on_disk(settings.tables)
    if on_disk.loose:
        for benchmark_run in on_disk.loose:
            pack(settings.tables, benchmark_run, complete=False)
        on_disk = segments_on_disk(settings.tables)
    found = on_disk.segments
    alerts = settings.alerts_database
    found[_ALERTS] = {"": " ".join(mark_of(path) for path in (alerts, alerts.with_name(f"{alerts.name}-wal")))}
    found[BASELINES.name] = {"": mark_of(baselines_path(settings))}
    found[SUMMARIES] = summary_marks(found)
    return found


def _recorded(target: Path) -> Segments | None:
    """Return the marks of what a published file holds; None when it is not there or another version has built it."""
    if not target.exists():
        return None
    try:
        with open_read_only(target) as connection:
            if connection.execute("select store.definitions()").fetchall() != [(definitions(),)]:
                return None
            rows = connection.execute("select table_name, run_id, mark from store.segments").fetchall()
    except duckdb.Error:
        return None
    marks: Segments = {name: {} for name in (*TABLES, _ALERTS, SUMMARIES)}
    for name, run_id, mark in rows:
        marks[name][run_id] = mark
    return marks


def _changed(now: Segments, before: Segments) -> dict[str, list[str]]:
    """Return by table the runs of `before` that `now` lacks or has otherwise, by time: rows are found faster then."""
    return {
        name: sorted(run_id for run_id, mark in marks.items() if now.get(name, {}).get(run_id) != mark)
        for name, marks in before.items()
    }


def _count(runs: Mapping[str, Collection[str]]) -> int:
    return sum(map(len, runs.values()))


def _update(connection: duckdb.DuckDBPyConnection, settings: Settings, recorded: Segments, found: Segments) -> None:
    """Bring tables that hold what is recorded up to what was found."""
    outdated, new = _changed(found, recorded), _changed(recorded, found)
    for name in found:
        # One for each table: what a transaction has deleted and inserted is kept in memory until its end.
        with transaction(connection):
            if name in TABLES and name != BASELINES.name:
                delete(connection, name, outdated.get(name, ()))
                insert(connection, settings.tables, TABLES[name], new[name])
            delete(connection, SEGMENTS.name, outdated.get(name, ()), table_name=name)
            written = literals([found[name][run_id] for run_id in new[name]])
            connection.execute(
                f"insert into store.segments select {literal(name)}, unnest({literals(new[name])}), unnest({written})"
            )
        if new[name]:
            give_back(connection)
    marks = {run_id: found[SUMMARIES][run_id] for run_id in new[SUMMARIES]}
    replace_summaries(connection, settings, outdated.get(SUMMARIES, ()), marks)
    with transaction(connection):
        if new[_ALERTS]:
            copy_alerts(connection, settings.alerts_database)
        if new[BASELINES.name]:
            copy_baselines(connection, settings)


def _replace(
    target: Path, change: Callable[[duckdb.DuckDBPyConnection], None], *, begin_with: Path | None = None
) -> None:
    """Put a database in place that `change` makes of an empty one, or of a copy of `begin_with`."""
    part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    _remove_part(part)
    try:
        with _built(part) as path:
            if begin_with is not None:
                shutil.copyfile(begin_with, path)
            with open_new(path) as connection:
                change(connection)
                connection.execute("checkpoint")
        replace_durably(part, target)
    finally:
        _remove_part(part)


@contextmanager
def _built(part: Path) -> Iterator[Path]:
    """Yield where `part` is to be built: DuckDB reads a `?` in a path as syntax and finds no place for its log then."""
    if "?" not in str(part):
        yield part
        return
    with tempfile.TemporaryDirectory(prefix="docmind-") as folder:
        yield (path := Path(folder) / part.name)
        shutil.copyfile(path, part)


def _remove_parts_of_the_dead(target: Path) -> None:
    for part in target.parent.glob(f"{target.name}.*.tmp"):
        pid = part.name.removeprefix(f"{target.name}.").removesuffix(".tmp")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove_part(part)


def _remove_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".wal").unlink(missing_ok=True)
    shutil.rmtree(spill_folder(part), ignore_errors=True)
