"""A run that Dagster launched waits for the home instead of failing."""

import subprocess
import sys

from dagster_project.home_lock import hold_home

HOLDER = (
    "import sys; from docmind_core.runs.lock import lock_home; from docmind_core.settings import load_settings\n"
    "with lock_home(load_settings(), 'docmind bench smoke'): print('held', flush=True); sys.stdin.read()"
)


def test_a_run_waits_until_the_home_is_free_and_says_so_once(settings):
    told, waits = [], []
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"

        def pause(seconds):
            waits.append(seconds)
            if len(waits) == 2:
                holder.stdin.close()
                holder.wait()

        with hold_home(settings, "20261122T020000Z-smoke-7f3a", told.append, sleep=pause):
            assert len(waits) == 2
    [line] = told
    assert line.startswith("waiting: ")
    assert f"process {holder.pid}, which runs docmind bench smoke" in line


def test_a_free_home_is_held_without_a_word(settings):
    told = []
    with hold_home(settings, "20261122T020000Z-smoke-7f3a", told.append, sleep=told.append):
        assert told == []
