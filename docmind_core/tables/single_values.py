"""Single values out of the segment of one run, each by a formula in SQL."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from docmind_core.errors import StoreError
from docmind_core.tables.arrow_rows import ROW_GROUP
from docmind_core.tables.broken_rows import rows_of
from docmind_core.tables.columns import Columns, coded
from docmind_core.tables.connecting import open_in_memory


def single_values(
    folder: Path, table: str, run_id: str, formulas: Mapping[str, str], *, where: str = "true"
) -> Columns:
    """Return one row per row of a segment that fulfils `where`; none when there is no segment.

    Args:
        folder: Of the segments.
        table: Its name.
        run_id: Whose rows.
        formulas: SQL over the columns of the table, by the name that the result gets. Only these columns are read.
        where: SQL over the same columns.

    Raises:
        StoreError: If a formula can't be computed; its text is named.
    """
    found = rows_of(folder, table, [run_id])
    if found is None:
        return coded((), tuple(formulas))
    selected = ", ".join(f'{formula} as "{name}"' for name, formula in formulas.items())
    with open_in_memory() as connection:
        try:
            connection.execute(f"select {selected} from ({found.sql}) where {where}", found.parameters)
            return coded(connection.to_arrow_reader(ROW_GROUP), tuple(formulas))
        except duckdb.Error as error:
            raise StoreError(f"{found.paths[0]}: {selected}: {str(error).strip().splitlines()[0]}") from error
