"""A disk without room is one line that says which room is missing, no matter where it was noticed."""

import errno
import sqlite3

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy.exc

from docmind_core.errors import RunError, StoreError
from docmind_core.runs import disk_space
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.disk_space import full_disk, named_disk_errors, size_text
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.health import examine
from docmind_core.runs.progress import SilentObserver

SQLITE = sqlite3.OperationalError("database or disk is full")


def wrapped(inner):
    """As libraries do it: one error raised while another is handled, in a group."""
    outer = RuntimeError("the writer has failed")
    outer.__cause__ = inner
    return ExceptionGroup("several", [ValueError("x"), outer])


FULL = [
    OSError(errno.ENOSPC, "No space left on device", "/x"),
    SQLITE,
    sqlalchemy.exc.OperationalError("insert", {}, SQLITE),
    duckdb.IOException("IO Error: Could not write file: No space left on device"),
    pa.ArrowException("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
    wrapped(OSError(errno.ENOSPC, "x")),
]
QUOTA = [
    OSError(errno.EDQUOT, "Disk quota exceeded", "/x"),
    duckdb.IOException("IO Error: Could not write: Disk quota exceeded"),
    wrapped(OSError(errno.EDQUOT, "x")),
]


@pytest.fixture
def inodes(monkeypatch):
    """Say how many more files the disk takes."""

    def say(left):
        monkeypatch.setattr(disk_space, "files_left", lambda folder: left)
        monkeypatch.setattr("docmind_core.runs.health.files_left", lambda folder: left)

    say(None)
    return say


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_library_without_room_for_its_bytes_is_a_full_disk(home, inodes, error):
    said = full_disk(home, error)
    assert said.startswith(f"the disk of {home.home} is full (")
    assert "docmind prune --keep N --dry-run" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("error", QUOTA, ids=lambda error: type(error).__name__)
def test_a_quota_is_called_a_quota_though_the_disk_has_room(home, inodes, error):
    assert full_disk(home, error).startswith(f"your disk quota for {home.home} is used up.")


@pytest.mark.parametrize("error", [None, *FULL], ids=lambda error: type(error).__name__)
def test_a_disk_that_takes_no_further_file_is_not_called_full_of_bytes(home, inodes, monkeypatch, error):
    inodes(0)
    monkeypatch.setattr(disk_space, "FULL_BYTES", 0)
    if error is None or "space" in str(error).lower():
        assert "has no inodes left" in full_disk(home, error)


@pytest.mark.parametrize("error", [None, OSError(errno.EACCES, "x"), ValueError("the quota of tokens is used up")])
def test_other_errors_on_a_disk_with_room_are_not_about_the_disk(home, inodes, error):
    assert full_disk(home, error) is None


def test_an_error_that_was_raised_in_a_circle_ends():
    one, other = ValueError("a"), ValueError("b")
    one.__cause__, other.__cause__ = other, one
    assert len(list(disk_space._causes(one))) == 2


def test_our_own_errors_and_those_of_others_pass_as_they_are(home, inodes):
    for error in (StoreError("No space left on device"), ZeroDivisionError("x")):
        with pytest.raises(type(error)) as raised, named_disk_errors(home):
            raise error
        assert raised.value is error


@pytest.mark.parametrize(
    "place",
    [
        "docmind_core.tables.segments.replace_durably",
        "docmind_core.tables.publish.replace_durably",
        "docmind_core.runs.journal.Journal.end_arm",
        "docmind_core.runs.benchmark.fold_arm",
    ],
)
def test_wherever_a_run_meets_its_quota_it_ends_in_one_line_and_continues_with_room(
    home, make_suite, monkeypatch, inodes, place
):
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=1), home)

    def refuse(*arguments, **options):
        raise OSError(errno.EDQUOT, "Disk quota exceeded", "/x")

    with monkeypatch.context() as patched:
        patched.setattr(place, refuse)
        with pytest.raises(RunError, match=r"your disk quota for .* is used up") as raised:
            execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    assert len(str(raised.value).splitlines()) == 1
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())


def test_doctor_names_a_disk_that_takes_few_more_files(home, inodes):
    inodes(100)
    [disk] = [finding for finding in examine(home) if finding.what == "disk"]
    assert "room for 100 files" in disk.text
    assert "room for fewer than 2,000 files left" in disk.advice


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1_340_000, "1.3 MB"),
        (340_000_000, "340 MB"),
        (2 * 10**9, "2 GB"),
        (10**16, "10,000 TB"),
    ],
)
def test_sizes_are_written_as_people_and_shops_write_them(size, text):
    assert size_text(size) == text
