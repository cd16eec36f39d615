"""How far each run of a home is: read once where it has finished."""

import os

from docmind_core.runs import run_states
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path, suite_path
from docmind_core.runs.progress import SilentObserver
from docmind_core.tables.segments import segment_path


def test_a_finished_run_is_read_again_only_when_its_suite_journal_or_tables_have_changed(home, make_suite, monkeypatch):
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=1), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    listed, read, read_state = run_states.list_benchmark_runs(home), [], run_states._read_state

    def read_noted(settings, benchmark_run):
        read.append(benchmark_run)
        return read_state(settings, benchmark_run)

    monkeypatch.setattr(run_states, "_read_state", read_noted)
    assert run_states.list_benchmark_runs(home) == listed
    assert read == []
    for path in (suite_path(home, key), journal_path(home, key)):
        os.utime(path, ns=(1, 1))
        assert run_states.list_benchmark_runs(home) == run_states.list_benchmark_runs(home) == listed
    assert read == [key, key]
    segment_path(home.tables, "runs", f"{key}.single_pass").unlink()
    assert [state.finished for state in run_states.list_benchmark_runs(home)] == [False]
