"""Tables, views and macros in a database, and the rows of segments in them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb

from docmind_core.errors import StoreError
from docmind_core.tables.broken_rows import SegmentRows, broken_row, broken_segment, literal, quoted, rows_of
from docmind_core.tables.definitions import FROM_RUNS, Table, View
from docmind_core.tables.guide_views import MACROS
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import locked
from docmind_core.tables.stored_views import STORED
from docmind_core.tables.views import VIEWS

SEGMENTS = Table(
    name="store.segments",
    comment="One row per file in the home whose rows are in this database: a segment, or a file without a run",
    key=("table_name", "run_id"),
    columns={
        "table_name": ("varchar", "Table that its rows belong to, or alerts"),
        "run_id": ("varchar", "Run that they belong to; empty for alerts and baselines"),
        "mark": ("varchar", "Size, time of writing and number of the file: others when it has been written again"),
    },
)
"""What publishing compares with the segments on disk, so that it reads those alone that are new."""
_AT_ONCE = 64
"""Runs whose files are open at once."""


SCALARS = {
    "compared": "of_metric, against",
    "known_runs": "run_ids",
    "token_cost": "price, prompt_tokens, cached_tokens, completion_tokens",
}
"""Macros of the schema `store` that views and macros share, with their parameters."""


@cache
def sql_text(name: str) -> str:
    """Return the query in `sql/<name>.sql`."""
    return (resources.files("docmind_core.tables") / "sql" / f"{name}.sql").read_text("utf-8").strip().rstrip(";")


def stored_query(view: View) -> str:
    """Return the query for the rows of a view in `STORED`, in the order in which those of a run are stored."""
    query = sql_text(view.name)
    return f"from ({query}) order by {view.order}" if view.order else query


def create(connection: duckdb.DuckDBPyConnection, *, stored: bool) -> None:
    """Create all tables, views and macros in an empty database.

    Args:
        connection: To the database.
        stored: Whether the rows of the views in `STORED` are inserted (`summaries`), or computed for each question.
    """
    connection.execute("create schema store")
    for table in (*TABLES.values(), SEGMENTS):
        connection.execute(_create_table(table))
    for name, parameters in SCALARS.items():
        connection.execute(f"create macro store.{name}({parameters}) as {sql_text(name)}")
    public = {view.name for view in VIEWS}
    for view in STORED:
        query = stored_query(view)
        form = f"table store.{view.name} as from ({query}) limit 0" if stored else f"view store.{view.name} as {query}"
        connection.execute(f"create {form}")
        if view.name in public:
            connection.execute(f"create view {view.name} as {_of_stored(view)}")
    for view in VIEWS:
        if view not in STORED:
            connection.execute(f"create view {view.name} as {sql_text(view.name)}")
    for macro in MACROS:
        connection.execute(f"create macro {macro.name}({macro.parameters}) as table {sql_text(macro.name)}")
    connection.execute(f"create macro store.definitions() as '{definitions()}'")


@cache
def definitions() -> str:
    """Return a digest of all that `create` and `describe` write: a file with another one has to be built again."""
    queries = [sql_text(named.name) for named in (*VIEWS, *STORED, *MACROS)] + [*map(sql_text, SCALARS)]
    described = repr(([*TABLES.values(), SEGMENTS], VIEWS, STORED, MACROS, queries))
    return hashlib.sha256(described.encode()).hexdigest()


@contextmanager
def segments_shown(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    run_ids: Sequence[str],
    *,
    tables: Sequence[str] | None = None,
    copied: bool = False,
    short_ids: bool = False,
) -> Iterator[None]:
    """Let a connection, and it alone, see the segments of some runs in place of empty tables, without copying a row.

    Args:
        connection: To a database with all tables, empty.
        folder: Holds `<table>/<run_id>.parquet`.
        run_ids: The runs.
        tables: Show these alone; all when None.
        copied: Copy all rows: many questions about few rows spend most of their time opening the files again.
        short_ids: Show the id of a single run as an enum: as text, each row of a hash table would hold a copy.

    Raises:
        StoreError: If a segment can't be read.
    """
    shown: dict[str, SegmentRows] = {}
    with ExitStack() as reading:
        for name in TABLES if tables is None else tables:
            if not (folder / name).is_dir():
                continue
            reading.enter_context(locked(folder, name, shared=True))
            if len(run_ids) > _AT_ONCE:  # a view opens all of its files
                insert(connection, folder, TABLES[name], run_ids)
            elif (rows := rows_of(folder, name, run_ids)) is not None:
                shown[name] = rows
                _show(connection, TABLES[name], rows, copied=copied, of_one=_only(run_ids) if short_ids else None)
        try:
            yield
        except StoreError as error:  # what a question reads may be damaged beyond the footer
            damaged = (broken_segment(TABLES[name], rows.paths) for name, rows in shown.items())
            if because := next(filter(None, damaged), None):
                raise StoreError(because) from error
            raise


def show_rows(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: Table, run_ids: Sequence[str], where: str
) -> None:
    """Let a connection within `segments_shown` see those rows of a table alone that fulfil `where`, with short ids."""
    if (rows := rows_of(folder, table.name, run_ids)) is not None:
        _show(connection, table, rows, where, of_one=_only(run_ids))


def _only(run_ids: Sequence[str]) -> str | None:
    return run_ids[0] if len(run_ids) == 1 else None


def _show(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: SegmentRows,
    where: str = "true",
    *,
    copied: bool = False,
    of_one: str | None = None,
) -> None:
    kind = "table" if copied else "view"
    short = f" replace ({literal(of_one)}::enum({literal(of_one)}) as run_id)" if of_one else ""
    try:
        # Views of the database, too, read what is temporary rather than the table of its name.
        all_rows = f"from memory.main.{table.name} union all by name {_typed(table, rows.sql)}"
        connection.execute(
            f"create or replace temp {kind} {table.name} as select *{short} from ({all_rows}) where {where}"
        )
    except duckdb.Error as error:
        raise StoreError(broken_segment(table, rows.paths) or f"table {table.name}: {error}") from error


def insert(connection: duckdb.DuckDBPyConnection, folder: Path, table: Table, run_ids: Sequence[str]) -> None:
    """Insert the segments of some runs into a table that has no row of them.

    Raises:
        StoreError: If a segment can't be read, or if a row breaks a key or a check.
    """
    for first in range(0, len(run_ids), _AT_ONCE):
        if (rows := rows_of(folder, table.name, run_ids[first : first + _AT_ONCE])) is not None:
            _insert(connection, table, rows)


def _typed(table: Table, sql: str) -> str:
    """Return a query for the columns of segments in types that DuckDB casts to those of their table.

    A list is JSON text in a segment, which DuckDB would read in its own notation. A segment may lack some columns.
    """
    lists = [name for name, (kind, _) in table.columns.items() if kind.endswith("[]")]
    if not lists:
        return f"select * from ({sql})"
    nothing = f"select {', '.join(f'null::varchar as {name}' for name in lists)} where false"
    made = ", ".join(f"{name}::json::varchar[] as {name}" for name in lists)
    return f"select * replace ({made}) from ({nothing} union all by name {sql})"


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: SegmentRows) -> None:
    try:
        connection.execute(f"insert into {table.name} by name {_typed(table, rows.sql)}")
    except duckdb.ConstraintException as error:
        raise StoreError(broken_row(table, rows) or f"table {table.name}: {error}") from error
    except duckdb.Error as error:
        raise StoreError(broken_segment(table, rows.paths) or f"table {table.name}: {error}") from error
    # A primary key says the same, but its index makes the file ten times as large and publishing twice as slow. The
    # files are asked, because the table may be as large as the whole history.
    key = ", ".join(quoted(name) for name in table.key)
    twice = f"select 1 from ({rows.sql}) group by {key} having count(*) > 1 limit 1"
    if connection.execute(twice).fetchall():
        raise StoreError(broken_row(table, rows) or f"table {table.name}: a row is there twice")


def delete(connection: duckdb.DuckDBPyConnection, table: str, run_ids: Sequence[str], **also: str) -> None:
    """Delete the rows of some runs, those alone whose other columns are as named."""
    if run_ids:
        # Values one by one: DuckDB skips the parts of the table that hold other runs, which it can't for a list.
        of_runs = f"run_id in ({', '.join(map(literal, run_ids))})"
        condition = " and ".join([of_runs, *(f"{name} = {literal(value)}" for name, value in also.items())])
        connection.execute(f"delete from {table} where {condition}")


def describe(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the comments of all tables, views, macros and columns."""
    for table in (*TABLES.values(), SEGMENTS):
        texts = {name: text for name, (_, text) in table.columns.items()}
        _comment(connection, "table", table.name, f"{table.comment}. Key: {', '.join(table.key)}", texts)
    for view in STORED:
        _check_columns(connection, f"store.{view.name}", view.stored_columns)
        _comment(connection, "table", f"store.{view.name}", f"Stored: {view.comment}", view.stored_columns)
    for view in VIEWS:
        _check_columns(connection, view.name, view.columns)
        _comment(connection, "view", view.name, view.comment, view.columns)
    for macro in MACROS:
        connection.execute(f"comment on macro table {macro.name} is {literal(macro.comment)}")


def _create_table(table: Table) -> str:
    lines = [f"{quoted(name)} {kind}{' not null' * (name in table.key)}" for name, (kind, _) in table.columns.items()]
    lines.extend(f"check ({check})" for check in table.checks)
    return f"create table {table.name} ({', '.join(lines)})"


def _of_stored(view: View) -> str:
    """Return the query of a view over its stored rows, with what `runs` says of each run."""
    columns = ", ".join(f"{'r' if name in FROM_RUNS else 's'}.{quoted(name)}" for name in view.columns)
    runs = f"select run_id, {', '.join(FROM_RUNS)} from runs"
    return f"select {columns} from store.{view.name} as s join ({runs}) as r using (run_id)"


def _check_columns(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str]) -> None:
    found = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
    if found != list(columns):
        raise StoreError(f"view {name} has the columns {found}, its description has {list(columns)}")


def _comment(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, comment: str, columns: dict[str, str]
) -> None:
    statements = [f"comment on {kind} {name} is {literal(comment)}"]
    statements += [f"comment on column {name}.{quoted(column)} is {literal(text)}" for column, text in columns.items()]
    connection.execute(";\n".join(statements))
