"""Columns of many rows in little memory: each value that differs is there once, the rows as codes of 4 bytes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from docmind_core.tables.segments import read_batches

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 2**16
_REPLICATES_MAX = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Column(Sequence[object]):
    """One column; a row without a value is None."""

    codes: NDArray[np.int32]
    """Place of each row's value in `values`."""
    values: tuple[object, ...]
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
            yield from map(self.values.__getitem__, self.codes[start : start + _AT_ONCE].tolist())

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """Return some rows, by their places."""
        return Column(self.codes[rows], self.values)

    def each(self, function: Callable[[object], Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return what `function` makes of each row; it is asked once for each value that differs."""
        return np.array([function(value) for value in self.values], dtype=dtype)[self.codes]

    def by_value(self) -> dict[object, NDArray[np.int64]]:
        """Return the places of the rows of each value that is there."""
        return {self.values[code]: np.flatnonzero(self.codes == code) for code in np.unique(self.codes).tolist()}

    def numbers(self) -> NDArray[np.float64]:
        """Return the rows as numbers; NaN where there is none."""
        return np.array(self.values, dtype=float)[self.codes]


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
    import pyarrow.compute as pc

    count, parts = 0, dict[str, list[Any]]()
    for batch in batches:
        count += len(batch)
        for name in batch.schema.names:
            parts.setdefault(name, []).append(batch[name].dictionary_encode())
    found = {}
    for name in columns:
        if name not in parts:
            found[name] = Column(np.full(count, -1, dtype=np.int32), (None,))
            continue
        whole = pa.chunked_array(parts.pop(name)).unify_dictionaries().combine_chunks()
        codes = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False)
        found[name] = Column(codes.astype(np.int32, copy=False), (*whole.dictionary.to_pylist(), None))
    return found


def query_keys(columns: Columns, place_of: Mapping[str, int]) -> NDArray[np.int64]:
    """Return a number for the query and replicate of each row; below 0 for a query that `place_of` lacks."""
    places = columns["query_id"].each(lambda query_id: place_of.get(str(query_id), -1), np.int64)
    # Warm-up has negative replicates.
    replicates = columns["replicate"].each(lambda one: int(str(one or 0)) + _REPLICATES_MAX // 2, np.int64)
    return np.where(places < 0, -1, places * _REPLICATES_MAX + replicates)


def places_among(keys: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the last place of each key; -1 where it has none."""
    if not len(among):
        return np.full(len(keys), -1, dtype=np.int64)
    order = np.argsort(among, kind="stable")
    at = np.searchsorted(among, keys, side="right", sorter=order) - 1
    found = order[np.maximum(at, 0)]
    return np.where(among[found] == keys, found, -1)
