"""How far each run of a home is: read once, when it has finished."""

import os

from docmind_core.runs import run_states
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path, suite_path
from docmind_core.runs.progress import SilentObserver
from docmind_core.tables.segments import segment_path


def test_a_run_is_read_for_the_list_when_it_has_finished_and_again_only_when_its_files_change(
    home, make_suite, monkeypatch
):
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=1), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    read, read_state = [], run_states._read_state

    def read_noted(settings, benchmark_run):
        read.append(benchmark_run)
        return read_state(settings, benchmark_run)

    monkeypatch.setattr(run_states, "_read_state", read_noted)
    listed = run_states.list_benchmark_runs(home)
    assert ([state.finished for state in listed], read) == ([True], [])
    for path in (suite_path(home, key), journal_path(home, key)):
        os.utime(path, ns=(1, 1))
        assert run_states.list_benchmark_runs(home) == run_states.list_benchmark_runs(home) == listed
    assert read == [key, key]
    segment_path(home.tables, "runs", f"{key}.single_pass").unlink()
    assert [state.finished for state in run_states.list_benchmark_runs(home)] == [False]
