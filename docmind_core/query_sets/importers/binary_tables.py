"""Records of Parquet files and spreadsheets, read in batches."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.delimited import Row
from docmind_core.query_sets.problems import ProblemList, Repairs, shown

_BATCH_ROWS = 256
_SHEET_BYTES_MAX = 2 * 1024**3
"""Of a workbook unpacked: its texts are held in memory at once."""
_SHEET_TEXTS_MAX = 128 * 1024**2


def parquet_rows(path: Path, problems: ProblemList) -> Iterator[Row]:
    """Yield each row of a Parquet file; lists and structs become lists and dicts."""
    # Only here: `docmind import` of a text file does without.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}, row {number}", row
    except (pa.ArrowException, OSError) as error:
        problems.add(path.name, "", f"is a damaged Parquet file after row {number}: {str(error).splitlines()[0]}")


def sheet_rows(path: Path, problems: ProblemList, repairs: Repairs) -> Iterator[Row]:
    """Yield each row under the header of the first sheet of an .xlsx file; formulas by their last value.

    Raises:
        UsageError: If openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path.name} is a spreadsheet, which needs the package openpyxl: run `pip install openpyxl`, or save the "
            "sheet as CSV"
        ) from error
    if problem := _workbook_problem(path):
        problems.add(path.name, "", problem)
        return
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (KeyError, ValueError, TypeError, OSError, SyntaxError) as error:  # what it raises of damaged parts
        problems.add(path.name, "", f"is a damaged .xlsx file: {type(error).__name__}")
        return
    others = [sheet.title for sheet in workbook.worksheets[1:]]
    if others:
        repairs.add("sheets after the first one of a workbook were not read", f"{path.name}, {others[0]}", len(others))
    try:
        rows = workbook.worksheets[0].iter_rows(values_only=True)
        names = [str(cell).strip() if cell is not None else "" for cell in next(rows, ())]
        header = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
        for name in {name for name in header if header.count(name) > 1}:
            problems.add(f"{path.name}, row 1", "", f"duplicate column {shown(name)}")
        for number, cells in enumerate(rows, start=2):
            if any(cell not in (None, "") for cell in cells):
                yield f"{path.name}, row {number}", dict(zip(header, cells, strict=False))
    finally:
        workbook.close()


def _workbook_problem(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {item.filename: item.file_size for item in archive.infolist()}
    except (zipfile.BadZipFile, OSError):
        return "is not an .xlsx file, or a damaged one"
    if "xl/workbook.xml" not in sizes:
        return "is a ZIP archive without a workbook"
    if sum(sizes.values()) > _SHEET_BYTES_MAX or sizes.get("xl/sharedStrings.xml", 0) > _SHEET_TEXTS_MAX:
        return "is too large when unpacked; save the sheet as CSV"
    return None
