"""The lock of a home: who has it, and who only looks."""

import fcntl
import json
import subprocess

import pytest

from docmind_core.errors import HomeLocked
from docmind_core.runs import lock
from docmind_core.runs.lock import home_holder, lock_home


@pytest.fixture
def looked_at(home, monkeypatch):
    """A home that somebody looks at, as doctor does, until the third try; what its last holder left in it is given."""
    home.home.mkdir()
    with (home.home / "lock").open("a+", encoding="utf-8") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        waits = []

        def wait(seconds):
            waits.append(seconds)
            if len(waits) == 2:
                fcntl.flock(looker, fcntl.LOCK_UN)

        monkeypatch.setattr(lock.time, "sleep", wait)
        yield looker, waits


def dead_pid():
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    return ended.pid


@pytest.mark.parametrize("left", ["nothing", "a dead holder"])
def test_a_look_at_the_lock_does_not_refuse_a_benchmark_that_starts(home, looked_at, left):
    looker, waits = looked_at
    if left == "a dead holder":
        looker.write(json.dumps({"pid": dead_pid(), "purpose": "docmind bench smoke"}))
        looker.flush()
    with lock_home(home, "docmind bench nightly"):
        assert len(waits) == 2


def test_a_lock_that_stays_is_refused_in_the_end(home, looked_at, monkeypatch):
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: None)
    with pytest.raises(HomeLocked, match="in use by another process"), lock_home(home, "docmind bench nightly"):
        pytest.fail("it is not ours")


def test_a_free_home_names_no_one(home):
    with lock_home(home, "docmind bench smoke"):
        assert "docmind bench smoke" in home_holder(home)
    assert home_holder(home) is None
    assert (home.home / "lock").read_text("utf-8") == ""
