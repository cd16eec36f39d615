"""Load the benchmark runs of homes into one DuckLake, which has the tables, views and macros of each home's database.

    python examples/ducklake/load.py 'postgres:dbname=docmind host=db' /shared/lake HOME...

Several of these may run at once. A benchmark run is one transaction: it is there whole or not at all, and loading it
again replaces it. Versions, and what it costs: docs/scale.md.
"""

import importlib.util
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from docmind_core.tables.building import SCALARS, create, definitions, sql_text
from docmind_core.tables.guide_views import MACROS

COLUMNS = (
    "select * from duckdb_columns() semi join duckdb_tables() using (database_name, schema_name, table_name) "
    "where database_name = 'model'"
)
"""SQL: the columns of all tables, not of views."""
TRIES = 20
"""Of a transaction, besides the hundred that DuckLake makes of its commit."""


def open_lake(catalog: str, data_path: str) -> duckdb.DuckDBPyConnection:
    """Return a connection with the lake as its default database; it is made by whoever comes first."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    connection.execute(f"load '{_extension('ducklake')}'")
    if catalog.startswith("postgres:"):
        connection.execute(f"load '{_extension('postgres_scanner')}'")
    # Of writers that commit at the same moment all but one try again; 10 times, the default, are too few for four.
    connection.execute("set ducklake_max_retry_count = 100; set ducklake_retry_backoff = 1.1")
    connection.execute("set ducklake_retry_wait_ms = 20")
    connection.execute("attach ':memory:' as model; use model")
    create(connection, stored=True)
    try:
        connection.execute(f"attach 'ducklake:{catalog}' as lake (data_path '{data_path}')")
    except duckdb.Error as error:
        if "already exists" not in str(error):
            raise
        time.sleep(1)  # another writer is making the lake
        connection.execute(f"attach 'ducklake:{catalog}' as lake")
    connection.execute("use lake")
    again(connection, lambda: _define(connection))
    return connection


def load(connection: duckdb.DuckDBPyConnection, home: Path) -> Iterator[tuple[str, int, int]]:
    """Load each benchmark run of a home; yields its key, its rows, and how often its transaction was tried again."""
    connection.execute(f"attach '{home / 'metrics.duckdb'}' as home (read_only)")
    try:
        for (key,) in connection.execute("select distinct benchmark_run from home.runs order by 1").fetchall():
            rows, retries = again(connection, lambda key=key: _replace(connection, key))
            yield key, rows, retries
    finally:
        connection.execute("detach home")


def again(connection: duckdb.DuckDBPyConnection, work: Callable[[], int]) -> tuple[int, int]:
    """Do some work in one transaction, again where another writer was first; return how often that was, too."""
    for retries in range(TRIES):
        connection.execute("begin")
        try:
            found = work()
            connection.execute("commit")
        except duckdb.TransactionException:
            if retries + 1 == TRIES:
                raise
            _roll_back(connection)
            time.sleep(random.uniform(0.05, 0.5))
        except BaseException:
            _roll_back(connection)
            raise
        else:
            return found, retries
    raise AssertionError


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.TransactionException):  # a commit that failed has ended it
        connection.execute("rollback")


def _define(connection: duckdb.DuckDBPyConnection) -> int:
    """Create tables, views and macros; over rows of another version, those of this one."""
    connection.execute("create schema if not exists store")
    connection.execute("create table if not exists store.defined (digest varchar)")
    if connection.execute("from store.defined").fetchall() == [(definitions(),)]:
        return 0
    columns = (
        "select schema_name, table_name, list(column_name || ' ' || data_type order by column_index) "
        f"from ({COLUMNS}) group by all"
    )
    for schema, name, of_table in connection.execute(columns).fetchall():
        connection.execute(f"create table if not exists {schema}.{name} as from model.{schema}.{name} limit 0")
        for column in of_table:
            connection.execute(f"alter table {schema}.{name} add column if not exists {column}")
    for name, parameters in SCALARS.items():
        connection.execute(f"create or replace macro store.{name}({parameters}) as {sql_text(name)}")
    views = "select sql from duckdb_views() where database_name = 'model' and not internal order by view_oid"
    for (sql,) in connection.execute(views).fetchall():
        connection.execute(sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    for macro in MACROS:
        parameters = macro.parameters.replace(" := null", "")  # DuckLake 1.5.5 can't read such a default back
        connection.execute(f"create or replace macro {macro.name}({parameters}) as table {sql_text(macro.name)}")
    connection.execute("delete from store.defined")
    connection.execute("insert into store.defined values (?)", [definitions()])
    return 1


def _replace(connection: duckdb.DuckDBPyConnection, key: str) -> int:
    """Put the rows of a benchmark run in the place of those that are there; return how many rows it has."""
    of_run = "run_id in (select run_id from home.runs where benchmark_run = ?)"
    is_there = connection.execute("select 1 from runs where benchmark_run = ?", [key]).fetchall()
    tables = f"select schema_name, table_name from ({COLUMNS}) where column_name = 'run_id'"
    rows = 0
    for schema, name in connection.execute(tables).fetchall():
        table = f"{schema}.{name}"
        if is_there:
            connection.execute(f"delete from {table} where {of_run}", [key])
        if table != "store.segments":  # files of one home
            insert = f"insert into {table} by name from home.{table} where {of_run}"
            rows += connection.execute(insert, [key]).fetchall()[0][0]
    return rows


def _extension(name: str) -> str:
    """Return the path of an extension that came as a wheel, else its name, for one that was installed by DuckDB."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        return name
    folder = Path(found.submodule_search_locations[0], "extensions", f"v{duckdb.__version__}")
    return str(folder / f"{name}.duckdb_extension")


if __name__ == "__main__":
    catalog, data_path, *homes = sys.argv[1:]
    with open_lake(catalog, data_path) as lake:
        for home in homes:
            for key, rows, retries in load(lake, Path(home)):
                sys.stdout.write(f"{key}: {rows:,} rows" + f", {retries} tries more" * bool(retries) + "\n")
