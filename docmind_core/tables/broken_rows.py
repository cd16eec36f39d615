"""Reading segments into the database, and naming the row or the file that can't be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.settings import without_syntax
from docmind_core.tables.connecting import open_in_memory
from docmind_core.tables.definitions import Table
from docmind_core.tables.segments import packed_path, segment_path


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRows:
    """The rows of a table for some runs, as a query over files."""

    sql: str
    paths: tuple[Path, ...]


def rows_of(folder: Path, table: str, run_ids: Sequence[str]) -> SegmentRows | None:
    """Return the rows of `table` for some runs, each from its own file or from the packed one; None without any."""
    paths = {run_id: segment_path(folder, table, run_id) for run_id in run_ids}
    own = {run_id: path for run_id, path in paths.items() if path.exists()}
    rest = [run_id for run_id in run_ids if run_id not in own]
    packed = [path for path in dict.fromkeys(packed_path(folder, table, one) for one in rest) if path.exists()]
    parts = []
    if own:
        parts.append(read_files(list(own.values())))
    if packed:
        parts.append(f"{read_files(packed)} where run_id in (select unnest({literals(rest)}))")
    sql = " union all by name ".join(f"({part})" for part in parts)
    return SegmentRows(sql=sql, paths=(*own.values(), *packed)) if parts else None


def read_files(paths: Sequence[Path]) -> str:
    """Return a query for all rows of some files."""
    # DuckDB takes each path for a pattern, which must match that file alone. No column comes from the path: a folder
    # `run_id=7` above the home would otherwise be the id of every run.
    patterns = literals([str(without_syntax(path.parent) / path.name) for path in paths])
    return f"select * from read_parquet({patterns}, union_by_name = true, hive_partitioning = false)"


def broken_row(table: Table, rows: SegmentRows) -> str | None:
    """Name the run and the key of the first row that breaks the key or a check of `table`."""
    key = ", ".join(quoted(name) for name in table.key)
    questions = {
        "is there twice": f"select run_id, {key} from ({rows.sql}) group by all having count(*) > 1",
        "has a NULL in its key": f"select run_id, {key} from ({rows.sql}) where "
        + " or ".join(f"{quoted(name)} is null" for name in table.key),
    }
    for check in table.checks:
        questions[f"breaks the rule {check}"] = f"select run_id, {key} from ({rows.sql}) where not ({check})"
    # A failed insert has ended its transaction, so these are asked elsewhere.
    with open_in_memory() as connection:
        for problem, question in questions.items():
            found = connection.execute(f"{question} order by all limit 1").fetchall()
            for run_id, *values in found:
                named = ", ".join(f"{name}={value}" for name, value in zip(table.key, values, strict=True))
                stems = (str(run_id), str(run_id).partition(".")[0])
                file = next(path.name for stem in stems for path in rows.paths if path.stem == stem)
                return (
                    f"table {table.name}, run {run_id}: the row {named} {problem}. "
                    f"Its segment is {table.name}/{file}; nothing was published."
                )
    return None


def broken_segment(table: Table, segments: Sequence[Path]) -> str | None:
    """Name the first segment that can't be read or has columns that `table` lacks."""
    import pyarrow.parquet as pq

    for path in segments:
        try:
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                for group in range(file.num_row_groups):
                    file.read_row_group(group)
        except (OSError, ValueError) as error:
            aside = f"{path.name}.1.damaged"
            return f"{path} can't be read ({error}). Rename it to {aside}, then: docmind doctor --repair"
        strange = [name for name in names if name not in table.columns]
        if strange:
            return f"{path} has columns this version does not know: {', '.join(strange)}. A newer one wrote it."
    return None


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever word it is."""
    return f'"{name}"'


def literal(text: str) -> str:
    """Return a text as SQL takes it. With the first parameter of a process DuckDB imports pandas: 0.4 s and 80 MiB."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """Return a list of texts as SQL takes it."""
    return f"[{', '.join(map(literal, texts))}]"
