"""Tables that Dagster's UI can show."""

from datetime import UTC, datetime

from dagster_project.metadata import table_of


def test_a_table_keeps_types_and_leaves_null_empty():
    table = table_of(
        [
            {"arm": "tuned", "n": 2, "share": 0.5, "ok": True, "missing": None},
            {"arm": None, "n": None, "share": 1, "ok": None, "missing": None},
        ]
    )
    assert {column.name: column.type for column in table.schema.columns} == {
        "arm": "string",
        "n": "int",
        "share": "float",
        "ok": "bool",
        "missing": "string",
    }
    assert table.records[1].data == {"arm": None, "n": None, "share": 1, "ok": None, "missing": None}


def test_what_a_table_cant_hold_becomes_text():
    table = table_of([{"at": datetime(2026, 11, 22, tzinfo=UTC), "where": ("a", "b")}])
    assert table.records[0].data == {"at": "2026-11-22 00:00:00+00:00", "where": "('a', 'b')"}


def test_a_table_without_rows_says_so():
    assert table_of([]).value == "no rows"
