"""Reading segments into the database, and naming the row or the file that can't be."""

from collections.abc import Sequence
from pathlib import Path

from docmind_core.settings import without_syntax
from docmind_core.tables.connecting import open_in_memory
from docmind_core.tables.definitions import Table

# No column comes from the path: a folder `run_id=7` above the home would otherwise be the id of every run.
ROWS = "select * from read_parquet($files, union_by_name = true, hive_partitioning = false)"


def files_of(segments: Sequence[Path]) -> dict[str, list[str]]:
    """Return the parameters of `ROWS`; DuckDB takes each path for a pattern, which must match that file alone."""
    return {"files": [str(without_syntax(path.parent) / path.name) for path in segments]}


def broken_row(table: Table, segments: Sequence[Path]) -> str | None:
    """Name the run and the key of the first row that breaks the key or a check of `table`."""
    key = ", ".join(quoted(name) for name in table.key)
    questions = {
        "is there twice": f"select run_id, {key} from ({ROWS}) group by all having count(*) > 1",
        "has a NULL in its key": f"select run_id, {key} from ({ROWS}) where "
        + " or ".join(f"{quoted(name)} is null" for name in table.key),
    }
    for check in table.checks:
        questions[f"breaks the rule {check}"] = f"select run_id, {key} from ({ROWS}) where not ({check})"
    # A failed insert has ended its transaction, so these are asked elsewhere.
    with open_in_memory() as connection:
        for problem, question in questions.items():
            for run_id, *values in connection.execute(
                f"{question} order by all limit 1", files_of(segments)
            ).fetchall():
                named = ", ".join(f"{name}={value}" for name, value in zip(table.key, values, strict=True))
                return (
                    f"table {table.name}, run {run_id}: the row {named} {problem}. "
                    f"Its segment is {table.name}/{run_id}.parquet; nothing was published."
                )
    return None


def broken_segment(table: Table, segments: Sequence[Path]) -> str | None:
    """Name the first segment that can't be read or has columns that `table` lacks."""
    import pyarrow.parquet as pq

    for path in segments:
        try:
            with pq.ParquetFile(path) as file:
                names = file.read().schema.names
        except (OSError, ValueError) as error:
            return f"{path} can't be read ({error}). Delete it and resume its benchmark run; nothing was published."
        strange = [name for name in names if name not in table.columns]
        if strange:
            return f"{path} has columns this version does not know: {', '.join(strange)}. A newer one wrote it."
    return None


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever word it is."""
    return f'"{name}"'
