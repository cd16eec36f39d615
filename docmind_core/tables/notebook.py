"""The results of a home in Python, as pandas or Arrow: what `docmind_core.open_home()` returns."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.connecting import open_read_only

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Home:
    """The published results of a home, read-only; each question sees the newest version of them."""

    settings: Settings

    def arrow(self, sql: str, **parameters: object) -> "pa.Table":
        """Return the rows of a query as an Arrow table; `$name` in it takes the parameter `name`.

        Raises:
            StoreError: If nothing was published yet, or if DuckDB refuses the query.
        """
        with self._asked(sql, parameters) as answer:
            table: pa.Table = answer.to_arrow_table()
            return table

    def pandas(self, sql: str, **parameters: object) -> "pd.DataFrame":
        """Return the rows of a query as a data frame, times aware and in UTC; otherwise as `arrow`."""
        with self._asked(sql, parameters) as answer:
            # DuckDB converts times with a zone by a call that pandas 3.1 calls deprecated.
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                frame: pd.DataFrame = answer.df()
            return frame

    @contextmanager
    def _asked(self, sql: str, parameters: dict[str, object]) -> Iterator[Any]:
        database = self.settings.metrics_database
        if not database.exists():
            raise StoreError(f"there is no database at {database}. Run a benchmark first, or name another home.")
        try:
            with open_read_only(database) as connection:
                yield connection.execute(sql, parameters or None)
        except duckdb.Error as error:
            raise StoreError(str(error).strip()) from error
