"""Columns of codes: the rows are as they were, whatever is in them."""

import numpy as np
import pytest

from docmind_core.tables import columns as columns_module
from docmind_core.tables.columns import Column, are_among, places_among, query_keys, read_coded, rows_kept
from docmind_core.tables.segments import read_segment, write_segment
from tests.builders import RUN_ID, make_call_row

ROWS = ["b", None, "a", "b", None]


def test_a_column_has_its_rows_and_each_value_once():
    column = Column.of(ROWS)
    assert (list(column), len(column), column[1], column[3]) == (ROWS, 5, None, "b")
    assert column.values == ("b", "a", None)
    assert list(column[1:3]) == [None, "a"]
    assert list(column.take(np.array([4, 0]))) == [None, "b"]


def test_rows_are_counted_and_computed_by_value():
    column = Column.of([3, None, 1, 3])
    assert {value: at.tolist() for value, at in column.by_value().items()} == {3: [0, 3], 1: [2], None: [1]}
    assert column.numbers().tolist() == pytest.approx([3.0, float("nan"), 1.0, 3.0], nan_ok=True)
    assert column.each(lambda value: value == 3, bool).tolist() == [True, False, False, True]


def test_a_column_without_rows_has_none():
    assert (list(Column.of([])), Column.of([None]).values) == ([], (None,))


@pytest.mark.parametrize("few", [1, 1000], ids=["values of Arrow", "values of Python"])
def test_columns_of_a_segment_are_those_of_its_rows(tmp_path, monkeypatch, few):
    monkeypatch.setattr(columns_module, "_FEW", few)
    monkeypatch.setattr("docmind_core.tables.arrow_rows.ROW_GROUP", 2)
    monkeypatch.setattr(columns_module, "_AT_ONCE", 2)
    rows = [make_call_row(f"c{n}", agent="ab"[n % 2], billed_tokens=None if n == 3 else n) for n in range(5)]
    write_segment(tmp_path, "llm_calls", RUN_ID, rows)
    names = ("call_id", "agent", "billed_tokens", "error_type")
    whole = read_segment(tmp_path, "llm_calls", RUN_ID)

    found = read_coded(tmp_path, "llm_calls", RUN_ID, names)
    assert {name: list(found[name]) for name in names} == {name: [row[name] for row in whole] for name in names}
    assert [found["billed_tokens"][at] for at in range(5)] == [0, 1, 2, None, 4]
    assert found["billed_tokens"].numbers().tolist() == pytest.approx([0, 1, 2, float("nan"), 4], nan_ok=True)
    assert found["billed_tokens"].each(str, object).tolist() == ["0", "1", "2", "None", "4"]
    assert found["agent"].by_value().keys() == {"a", "b"}

    found = read_coded(tmp_path, "llm_calls", RUN_ID, ("call_id",), where=("agent", ["b"]))
    assert list(found["call_id"]) == ["c1", "c3"]
    assert {name: list(column) for name, column in read_coded(tmp_path, "spans", RUN_ID, ("op",)).items()} == {"op": []}


def test_rows_with_few_values_take_a_byte_each(tmp_path):
    write_segment(tmp_path, "llm_calls", RUN_ID, [make_call_row(f"c{n}", agent="ab"[n % 2]) for n in range(200)])
    found = read_coded(tmp_path, "llm_calls", RUN_ID, ("agent", "call_id", "error_type"))
    assert {name: column.codes.itemsize for name, column in found.items()} == {
        "agent": 1,
        "call_id": 2,
        "error_type": 1,
    }


def test_rows_of_two_tables_are_found_by_query_and_replicate():
    queries = {"query_id": Column.of(["q1", "q1", "q2"]), "replicate": Column.of([0, 1, -1])}
    calls = {"query_id": Column.of(["q2", "q1", "q9", "q2"]), "replicate": Column.of([-1, 1, 0, 0])}
    place_of = {"q1": 0, "q2": 1}
    found = places_among(query_keys(calls, place_of), query_keys(queries, place_of))
    assert found.tolist() == [2, 1, -1, -1]
    assert places_among(query_keys(calls, place_of), np.zeros(0, np.int64)).tolist() == [-1] * 4
    assert are_among(query_keys(calls, place_of), query_keys(queries, place_of)).tolist() == [True, True, False, False]
    assert are_among(query_keys(calls, place_of), np.zeros(0, np.int64)).tolist() == [False] * 4


def test_rows_that_are_all_kept_are_not_copied():
    columns = {"agent": Column.of(ROWS)}
    assert rows_kept(columns, np.ones(5, bool)) is columns
    assert list(rows_kept(columns, np.array([True, False, False, True, False]))["agent"]) == ["b", "b"]
