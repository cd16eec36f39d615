"""Building `metrics.duckdb` from the segments and putting it in place at once."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

import duckdb
import psutil

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.alert_tables import copy_alerts
from docmind_core.tables.baselines import copy_baselines
from docmind_core.tables.broken_rows import ROWS, broken_row, broken_segment, files_of, quoted
from docmind_core.tables.connecting import open_new
from docmind_core.tables.damage import damaged_runs, set_aside, unreadable_segments
from docmind_core.tables.definitions import Table, View
from docmind_core.tables.guide_views import MACROS
from docmind_core.tables.measurement_tables import BASELINES
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import replace_durably
from docmind_core.tables.views import VIEWS


def publish(settings: Settings) -> Path:
    """Build the database aside from all segments, then replace the published one.

    Readers never wait and never fail: they see the old file until they open the new one. Of several processes that
    publish at once, each waits for the one before it, so that the file in place never lacks a segment that was there
    when its own publisher was called.

    A segment that cannot be read is set aside (`damage`), and its run is left out until it is repaired.

    Raises:
        StoreError: If a row breaks a key or a check; then the old file stays.
    """
    target = settings.metrics_database
    settings.make_home()
    with _one_at_a_time(target.parent):
        try:
            _build_aside_and_replace(settings, target)
        except StoreError:
            damaged = list(unreadable_segments(settings.tables))
            if not damaged:
                raise
            for path, _ in damaged:
                set_aside(path)
            _build_aside_and_replace(settings, target)
    return target


def publish_table(settings: Settings, name: str) -> None:
    """Fill one table of a copy of the published database again and put the copy in place; others stay as they are.

    Where nothing was published yet, or by an earlier version, everything is.
    """
    target = settings.metrics_database
    if not target.exists():
        publish(settings)
        return

    def refill(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"delete from {name}")
        fill(connection, settings.tables, tables=(name,))
        if name == BASELINES.name:
            copy_baselines(connection, settings)

    try:
        with _one_at_a_time(target.parent):
            _replace(target, refill, begin_with=target)
    except (duckdb.Error, StoreError):
        publish(settings)


def publish_first(settings: Settings) -> None:
    """Publish what there is, if only empty tables, where nothing was published yet: a reader finds them at once.

    What keeps it from being published (a full disk, a damaged segment) is told by whoever publishes the first rows.
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


def _build_aside_and_replace(settings: Settings, target: Path) -> None:
    def build_all(connection: duckdb.DuckDBPyConnection) -> None:
        build(connection, settings.tables)
        copy_alerts(connection, settings.alerts_database)
        copy_baselines(connection, settings)
        _describe(connection)

    _remove_parts_of_the_dead(target)
    _replace(target, build_all)


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
                # One transaction: the comments alone would be 250 commits.
                connection.execute("begin")
                change(connection)
                connection.execute("commit")
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


def build(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Create all tables and views in an empty database, and fill them from the segments under `folder`."""
    create(connection)
    fill(connection, folder)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all tables, views and macros in an empty database."""
    for table in TABLES.values():
        connection.execute(_create_table(table))
    for view in VIEWS:
        connection.execute(f"create view {view.name} as {sql_text(view.name)}")
    for macro in MACROS:
        connection.execute(f"create macro {macro.name}({macro.parameters}) as table {sql_text(macro.name)}")


def fill(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    run_ids: Sequence[str] | None = None,
    tables: Sequence[str] | None = None,
) -> None:
    """Fill empty tables from segments.

    Args:
        connection: A database with all tables.
        folder: Holds `<table>/<run_id>.parquet`.
        run_ids: Take these runs alone; when None, all that have a segment of `runs`, which is written last: an arm
            whose process died while it wrote its tables is left out until they are whole.
        tables: Fill these alone and leave the others empty; all when None.
    """
    # Once and before all others: a run that ends meanwhile is wholly in or wholly out.
    damaged = {f"{run_id}.parquet" for run_id in damaged_runs(folder)}
    whole = frozenset(path.name for path in (folder / "runs").glob("*.parquet")) - damaged
    for table in TABLES.values():
        segments = _segments(folder / table.name, run_ids, whole)
        if segments and (tables is None or table.name in tables):
            _insert(connection, table, segments)


def sql_text(name: str) -> str:
    """Return the query in `sql/<name>.sql`."""
    return (resources.files("docmind_core.tables") / "sql" / f"{name}.sql").read_text("utf-8").strip().rstrip(";")


def _create_table(table: Table) -> str:
    lines = [f"{quoted(name)} {kind}{' not null' * (name in table.key)}" for name, (kind, _) in table.columns.items()]
    lines.extend(f"check ({check})" for check in table.checks)
    return f"create table {table.name} ({', '.join(lines)})"


def _segments(folder: Path, run_ids: Sequence[str] | None, whole: Set[str]) -> list[Path]:
    if run_ids is None:
        return sorted(path for path in folder.glob("*.parquet") if path.name in whole)
    return [path for run_id in run_ids if (path := folder / f"{run_id}.parquet").exists()]


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, segments: Sequence[Path]) -> None:
    try:
        connection.execute(f"insert into {table.name} by name {ROWS}", files_of(segments))
    except duckdb.ConstraintException as error:
        raise StoreError(broken_row(table, segments) or f"table {table.name}: {error}") from error
    except duckdb.Error as error:
        raise StoreError(broken_segment(table, segments) or f"table {table.name}: {error}") from error
    # A primary key says the same, but its index makes the file ten times as large and publishing twice as slow.
    key = ", ".join(quoted(name) for name in table.key)
    if connection.execute(f"select 1 from {table.name} group by {key} having count(*) > 1 limit 1").fetchall():
        raise StoreError(broken_row(table, segments) or f"table {table.name}: a row is there twice")


def _describe(connection: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES.values():
        texts = {name: text for name, (_, text) in table.columns.items()}
        _comment(connection, "table", table.name, f"{table.comment}. Key: {', '.join(table.key)}", texts)
    for view in VIEWS:
        _check_columns(connection, view)
        _comment(connection, "view", view.name, view.comment, view.columns)
    for macro in MACROS:
        connection.execute(f"comment on macro table {macro.name} is {_literal(macro.comment)}")


def _check_columns(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    found = [row[0] for row in connection.execute(f"describe {view.name}").fetchall()]
    if found != list(view.columns):
        raise StoreError(f"view {view.name} has the columns {found}, its description has {list(view.columns)}")


def _comment(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, comment: str, columns: dict[str, str]
) -> None:
    statements = [f"comment on {kind} {name} is {_literal(comment)}"]
    statements += [f"comment on column {name}.{quoted(column)} is {_literal(text)}" for column, text in columns.items()]
    connection.execute(";\n".join(statements))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _remove_parts_of_the_dead(target: Path) -> None:
    for part in target.parent.glob(f"{target.name}.*.tmp"):
        pid = part.name.removeprefix(f"{target.name}.").removesuffix(".tmp")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove_part(part)


def _remove_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".wal").unlink(missing_ok=True)
