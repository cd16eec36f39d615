"""Columns of many rows in little memory: each value that differs is there once, the rows as codes of 1 to 4 bytes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from docmind_core.tables.segments import read_batches

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 2**13
"""Rows that are objects of Python at once, of each column."""
_REPLICATES_MAX = 2**20
_FEW = 2**10
"""Values that are kept as objects of Python, which are at hand faster."""
Codes = NDArray[np.signedinteger[Any]]


class _ArrowValues(Sequence[object]):
    """Values as Arrow has them, then None: as objects of Python, many would take several times the memory."""

    def __init__(self, values: "pa.Array") -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values) + 1

    @overload
    def __getitem__(self, at: int) -> object: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[object]: ...
    def __getitem__(self, at: int | slice) -> object:
        if isinstance(at, slice):
            return list(self)[at]
        return None if at in (-1, len(self._values)) else self._values[int(at)].as_py()

    def __iter__(self) -> Iterator[object]:
        for start in range(0, len(self._values), _AT_ONCE):
            yield from self._values[start : start + _AT_ONCE].to_pylist()
        yield None

    def of_codes(self, codes: Codes) -> list[object]:
        """Return the value of each code."""
        import pyarrow as pa

        found: list[object] = self._values.take(pa.array(codes, mask=codes < 0)).to_pylist()
        return found

    def numbers(self) -> NDArray[np.float64]:
        """Return all as numbers."""
        return np.append(self._values.cast("double").to_numpy(zero_copy_only=False), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Column(Sequence[object]):
    """One column; a row without a value is None."""

    codes: Codes
    """Place of each row's value in `values`."""
    values: Sequence[object]
    """Each once; the last one is None, so that it is that of the code -1."""

    @classmethod
    def of(cls, rows: Iterable[object]) -> "Column":
        """Return the column of these rows."""
        places: dict[object, int] = {None: -1}
        codes = np.fromiter((places.setdefault(value, len(places) - 1) for value in rows), dtype=np.int32)
        return cls(codes, (*[value for value in places if value is not None], None))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.codes)

    @overload
    def __getitem__(self, at: int) -> object: ...
    @overload
    def __getitem__(self, at: slice) -> "Column": ...
    def __getitem__(self, at: int | slice) -> object:
        """Return the value of a row, or some rows."""
        return Column(self.codes[at], self.values) if isinstance(at, slice) else self.values[self.codes[at]]

    def __iter__(self) -> Iterator[object]:
        """Yield the value of each row."""
        for start in range(0, len(self.codes), _AT_ONCE):
            codes = self.codes[start : start + _AT_ONCE]
            if isinstance(self.values, _ArrowValues):
                yield from self.values.of_codes(codes)
            else:
                yield from map(self.values.__getitem__, codes.tolist())

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """Return some rows, by their places."""
        return Column(self.codes[rows], self.values)

    def each(self, function: Callable[[object], Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return what `function` makes of each row; it is asked once for each value that differs."""
        return np.fromiter(map(function, self.values), dtype, len(self.values))[self.codes]

    def by_value(self) -> dict[object, NDArray[np.int64]]:
        """Return the places of the rows of each value that is there."""
        return {self.values[code]: np.flatnonzero(self.codes == code) for code in np.unique(self.codes).tolist()}

    def numbers(self) -> NDArray[np.float64]:
        """Return the rows as numbers; NaN where there is none."""
        values = self.values.numbers() if isinstance(self.values, _ArrowValues) else np.array(self.values, dtype=float)
        return values[self.codes]


Columns = Mapping[str, Column]


def read_coded(
    folder: Path, table: str, run_id: str, columns: Sequence[str], *, where: tuple[str, Collection[str]] | None = None
) -> dict[str, Column]:
    """Return columns of `table` for `run_id`, all with the same rows in the order they were written.

    Args:
        folder: Of the segments.
        table: Its name.
        run_id: Whose rows.
        columns: Their names. One that the segment lacks is all None.
        where: A column of text, and the values of it whose rows are wanted. All rows when None.
    """
    return coded(read_batches(folder, table, run_id, columns, where=where), columns)


def coded(batches: Iterable["pa.RecordBatch"], columns: Sequence[str]) -> dict[str, Column]:
    """Return the columns of batches; one that no batch has is all None."""
    import pyarrow as pa

    count = 0
    parts: dict[str, list[tuple[int, Codes, pa.Array]]] = {}
    for batch in batches:
        for name in batch.schema.names:
            parts.setdefault(name, []).append((count, *_encoded(batch[name])))
        count += len(batch)
    found = {name: _joined(parts.pop(name, []), count) for name in columns}
    parts.clear()
    pa.default_memory_pool().release_unused()  # it would keep the memory of all batches
    return found


def _encoded(rows: "pa.Array") -> tuple[Codes, "pa.Array"]:
    """Return the codes of rows and their values."""
    import pyarrow.compute as pc

    found = rows.dictionary_encode()
    codes = pc.fill_null(found.indices, -1).to_numpy(zero_copy_only=False)
    return codes.astype(_smallest(len(found.dictionary))), found.dictionary


def _joined(parts: Sequence[tuple[int, Codes, "pa.Array"]], count: int) -> Column:
    """Return a column of parts, each with the place of its first row."""
    import pyarrow as pa

    if not parts:
        return Column(np.full(count, -1, dtype=np.int8), (None,))
    values = pa.chunked_array([values for _, _, values in parts]).combine_chunks().dictionary_encode()
    places, at = np.append(values.indices.to_numpy(), -1), 0
    found = np.full(count, -1, dtype=_smallest(len(values.dictionary)))
    for first, codes, own in parts:
        found[first : first + len(codes)] = places[np.where(codes < 0, -1, codes.astype(np.int64) + at)]
        at += len(own)
    kept = _ArrowValues(values.dictionary)
    return Column(found, tuple(kept) if len(kept) <= _FEW else kept)


def _smallest(values: int) -> np.dtype[Any]:
    return np.min_scalar_type(-max(1, values))


def rows_kept(columns: dict[str, Column], kept: NDArray[np.bool_]) -> dict[str, Column]:
    """Return the rows that are marked; without a copy where all are."""
    if kept.all():
        return columns
    at = np.flatnonzero(kept)
    return {name: column.take(at) for name, column in columns.items()}


def query_keys(columns: Columns, place_of: Mapping[str, int]) -> NDArray[np.int64]:
    """Return a number for the query and replicate of each row; below 0 for a query that `place_of` lacks."""
    keys = columns["query_id"].each(lambda query_id: place_of.get(str(query_id), -1), np.int64)
    unknown = keys < 0
    keys *= _REPLICATES_MAX
    # Warm-up has negative replicates.
    keys += columns["replicate"].each(lambda one: int(str(one or 0)) + _REPLICATES_MAX // 2, np.int32)
    keys[unknown] = -1
    return keys


def are_among(keys: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each key is among others; of many rows, a part at once."""
    ordered, found = np.unique(among), np.zeros(len(keys), dtype=bool)
    for start in range(0, len(keys) if len(ordered) else 0, _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        at = np.minimum(np.searchsorted(ordered, part), len(ordered) - 1)
        found[start : start + _AT_ONCE] = ordered[at] == part
    return found


def places_among(keys: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the last place of each key; -1 where it has none."""
    if not len(among):
        return np.full(len(keys), -1, dtype=np.int64)
    order = np.argsort(among, kind="stable")
    at = np.searchsorted(among, keys, side="right", sorter=order) - 1
    found = order[np.maximum(at, 0)]
    return np.where(among[found] == keys, found, -1)
