import os
import subprocess
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docmind_core.errors import StoreError
from docmind_core.tables import arrow_rows
from docmind_core.tables.alert_tables import ALERT_TABLES
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import (
    read_segment,
    remove_leftovers,
    run_ids_of,
    segment_path,
    segments_written,
    write_segment,
)
from tests.builders import RUN_ID, make_call_row, make_run_row, make_score_row


def test_rows_come_back_with_every_column_and_null_where_nothing_was_given(tmp_path):
    write_segment(tmp_path, "measurements", RUN_ID, [make_score_row("exact_match", 1.0)])
    assert read_segment(tmp_path, "measurements", RUN_ID) == [
        {
            "run_id": RUN_ID,
            "query_id": "q1",
            "replicate": 0,
            "metric": "exact_match",
            "value": 1.0,
            "missing_because": None,
            "missing_detail": None,
            "scorer_version": None,
            "draw": 0,
        }
    ]


def test_a_second_write_replaces_the_first_and_leaves_no_other_file(tmp_path):
    write_segment(tmp_path, "measurements", RUN_ID, [make_score_row("exact_match", 1.0)])
    path = write_segment(tmp_path, "measurements", RUN_ID, [make_score_row("token_f1", 0.5)])
    assert [row["metric"] for row in read_segment(tmp_path, "measurements", RUN_ID)] == ["token_f1"]
    assert list(path.parent.iterdir()) == [path]


def test_no_rows_make_an_empty_segment(tmp_path):
    assert write_segment(tmp_path, "spans", RUN_ID, []).exists()
    assert read_segment(tmp_path, "spans", RUN_ID) == []


def test_a_segment_that_was_never_written_has_no_rows(tmp_path):
    assert read_segment(tmp_path, "spans", RUN_ID) == []


def test_times_are_stored_in_utc(tmp_path):
    """S60."""
    paris = datetime(2026, 11, 22, 3, 0, tzinfo=timezone(timedelta(hours=1)))
    write_segment(tmp_path, "runs", RUN_ID, [make_run_row(started_at=paris)])
    (row,) = read_segment(tmp_path, "runs", RUN_ID)
    assert row["started_at"] == datetime(2026, 11, 22, 2, 0)  # noqa: DTZ001 - UTC without saying so


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (make_call_row(colour="red"), "no column colour"),
        (make_call_row(run_id="another.run"), "belongs to run 'another.run'"),
        (make_call_row(prompt_tokens=1.5), "column prompt_tokens"),
        (make_call_row(prompt_tokens="many"), "column prompt_tokens"),
        (make_call_row(attempt=2**40), "column attempt"),
        (make_call_row(ttft_s=float("nan")), "store NULL with a reason"),
        (make_call_row(sent_at=datetime(2026, 1, 1)), "no time zone"),  # noqa: DTZ001
        (make_call_row(reply={"a": 1}), "column reply"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path, row, message):
    with pytest.raises(StoreError, match=message):
        write_segment(tmp_path, "llm_calls", RUN_ID, [row])
    assert not segment_path(tmp_path, "llm_calls", RUN_ID).exists()


def test_a_reply_with_half_a_surrogate_pair_is_stored(tmp_path):
    write_segment(tmp_path, "llm_calls", RUN_ID, [make_call_row(reply="a\ud800b\x00c")])
    assert read_segment(tmp_path, "llm_calls", RUN_ID)[0]["reply"] == "a?b\x00c"


@pytest.mark.parametrize("run_id", ["../evil", "a/b", "", ".hidden", "a\nb"])
def test_a_run_id_that_is_not_a_file_name_is_refused(tmp_path, run_id):
    with pytest.raises(StoreError, match="can't name a file"):
        write_segment(tmp_path, "runs", run_id, [])


def test_an_unknown_table_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(StoreError, match="query_runs"):
        write_segment(tmp_path, "runz", RUN_ID, [])


def test_a_damaged_segment_is_named(tmp_path):
    path = write_segment(tmp_path, "runs", RUN_ID, [make_run_row()])
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(StoreError, match=str(path)):
        read_segment(tmp_path, "runs", RUN_ID)


def test_leftovers_of_dead_runs_go_and_segments_stay(tmp_path):
    path = write_segment(tmp_path, "runs", RUN_ID, [make_run_row()])
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    at_work = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    not_ours = path.with_name("notes.tmp")
    for part in (path.with_name(f"{path.name}.{ended.pid}.tmp"), at_work, not_ours):
        part.write_bytes(b"half")
    remove_leftovers(tmp_path)
    left = {path, at_work, not_ours}
    assert set(path.parent.iterdir()) == left, "a process that lives is still writing its own"


def test_the_runs_of_a_benchmark_run_are_those_with_its_key_alone(tmp_path):
    for run_id in ("key.tuned", "key.naive+dedupe", "key2.tuned"):
        write_segment(tmp_path, "runs", run_id, [make_run_row(run_id)])
    assert run_ids_of(tmp_path, "key") == ("key.naive+dedupe", "key.tuned")


def test_every_table_and_column_has_a_comment_and_a_known_type():
    for table in TABLES.values():
        assert table.comment.startswith("One row")
        assert set(table.key) <= set(table.columns)
        assert "run_id" in table.columns or table in ALERT_TABLES
        for kind, comment in table.columns.values():
            assert kind in {"varchar", "integer", "bigint", "double", "boolean", "json", "varchar[]", "timestamptz"}
            assert comment


def test_a_few_columns_are_read_alone_and_one_that_the_segment_lacks_is_null(tmp_path):
    path = write_segment(tmp_path, "spans", RUN_ID, [])
    pq.write_table(pa.table({"run_id": [RUN_ID], "op": ["chat"], "attributes": ["{}"]}), path)
    assert read_segment(tmp_path, "spans", RUN_ID, columns=("op", "t0")) == [{"op": "chat", "t0": None}]


def test_rows_that_come_piece_by_piece_fill_row_groups(tmp_path, monkeypatch):
    """Small groups would each cost their own dictionary and statistics."""
    monkeypatch.setattr(arrow_rows, "ROW_GROUP", 4)
    with segments_written(tmp_path, ["llm_calls"], RUN_ID) as files:
        for first in (0, 3, 6):
            files["llm_calls"].add(make_call_row(f"c{number}") for number in range(first, first + 3))

    assert [row["call_id"] for row in read_segment(tmp_path, "llm_calls", RUN_ID)] == [f"c{n}" for n in range(9)]
    with pq.ParquetFile(segment_path(tmp_path, "llm_calls", RUN_ID)) as file:
        assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == [4, 4, 1]


def test_of_tables_that_are_written_together_none_is_put_in_place_when_one_fails(tmp_path):
    def write():
        with segments_written(tmp_path, ["spans", "llm_calls"], RUN_ID) as files:
            files["spans"].add([])
            files["llm_calls"].add([make_call_row(prompt_tokens=1.5)])

    with pytest.raises(StoreError, match="prompt_tokens"):
        write()
    assert [path for path in tmp_path.glob("*/*") if path.is_file()] == []
