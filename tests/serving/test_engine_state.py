"""The start of a process is told apart by ticks since the boot, not by the clock on the wall."""

import os

import pytest

from docmind_core.serving import engine_state
from docmind_core.serving.engine_state import began_no_earlier, start_mark


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """A made-up /proc; call it with the ticks of process 7 and a boot."""

    def write(ticks, boot_id="b1", name="docmind"):
        (tmp_path / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/kernel/random/boot_id").write_text(f"{boot_id}\n")
        (tmp_path / "7").mkdir(exist_ok=True)
        between = " ".join(str(field) for field in range(4, 22))
        (tmp_path / "7/stat").write_text(f"7 ({name}) S {between} {ticks} 23 24\n")

    monkeypatch.setattr(engine_state, "PROC", tmp_path)
    return write


def test_a_mark_is_the_boot_and_the_ticks_whatever_the_process_is_called(proc):
    proc(4711)
    assert start_mark(7) == "b1:4711"
    proc(4711, name="a) R 1 (b")
    assert start_mark(7) == "b1:4711"


def test_without_the_process_or_proc_there_is_no_mark(proc):
    assert start_mark(7) is None
    assert not began_no_earlier(7, "b1:1")


def test_a_later_start_counts_in_its_own_boot_only(proc):
    proc(4711)
    assert [began_no_earlier(7, mark) for mark in ("b1:4711", "b1:999", "b1:4712", "b2:1")] == [
        True,
        True,
        False,
        False,
    ]


def test_this_process_has_a_mark_here():
    assert start_mark(os.getpid()) == start_mark(os.getpid()) is not None
