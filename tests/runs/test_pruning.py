import subprocess
import sys

import pytest

from docmind_core.errors import HomeLocked
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.lock import home_holder, lock_home
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.pruning import old_runs, prune_runs
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.tables.reading import query_rows


@pytest.fixture
def make_runs(home, make_suite, monkeypatch):
    """Make one finished benchmark run a day, oldest first."""
    days = iter(range(1, 29))

    def make(name: str, count: int) -> list[str]:
        keys = []
        for _ in range(count):
            key = f"202611{next(days):02}T020000Z-{name}-7f3a"
            monkeypatch.setattr("docmind_core.runs.frozen_suite.new_benchmark_run", lambda *_, key=key: key)
            freeze_benchmark_run(make_suite(name=name, arms=["single_pass"], limit=1), home)
            execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
            report = home.reports / key / "index.html"
            report.parent.mkdir(parents=True)
            report.write_text("a report")
            keys.append(key)
        return keys

    return make


def kept(home):
    return [state.benchmark_run for state in list_benchmark_runs(home)]


def files_of(home, key):
    return [path for path in home.home.rglob("*") if key in str(path)]


def test_the_newest_of_each_suite_are_kept_and_the_others_leave_nothing(home, make_runs):
    first, second, third = make_runs("toy", 3)
    (other,) = make_runs("toy-2", 1)

    removed = prune_runs(home, keep=2)

    assert [(run.benchmark_run, run.suite) for run in removed] == [(first, "toy")]
    assert removed[0].bytes > 1000
    assert kept(home) == [second, third, other]
    assert files_of(home, first) == []
    _, rows = query_rows(home, "select distinct benchmark_run from runs order by 1")
    assert rows == [(second,), (third,), (other,)]
    assert query_rows(home, "select count(distinct run_id) from llm_calls")[1] == [(3,)]


def test_looking_first_removes_nothing(home, make_runs):
    first, _ = make_runs("toy", 2)
    before = sorted(home.home.rglob("*"))

    assert [run.benchmark_run for run in old_runs(home, keep=1)] == [first]
    assert sorted(home.home.rglob("*")) == before


def test_an_empty_home_has_nothing_to_prune(home):
    assert old_runs(home, keep=1) == ()
    assert prune_runs(home, keep=1) == ()


def test_a_pruning_that_died_is_finished_by_the_next(home, make_runs, monkeypatch):
    first, second = make_runs("toy", 2)
    with monkeypatch.context() as patched:
        patched.setattr("docmind_core.runs.pruning.publish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prune_runs(home, keep=1)

    assert kept(home) == [second], "nobody goes on with what is half gone"
    assert [run.benchmark_run for run in old_runs(home, keep=1)] == [first]
    assert [run.benchmark_run for run in prune_runs(home, keep=1)] == [first]
    assert files_of(home, first) == []
    assert query_rows(home, "select benchmark_run from runs")[1] == [(second,)]


def test_while_a_benchmark_runs_nothing_is_pruned(home, make_runs):
    make_runs("toy", 2)
    code = (
        "import sys, pathlib; from docmind_core.runs.lock import lock_home\n"
        "from docmind_core.settings import Settings\n"
        "with lock_home(Settings(home=pathlib.Path(sys.argv[1])), 'docmind bench toy'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        assert home_holder(home) == f"process {holder.pid}, which runs docmind bench toy"
        with pytest.raises(HomeLocked, match="docmind bench toy"):
            prune_runs(home, keep=1)
        holder.stdin.close()
    assert len(kept(home)) == 2
    assert home_holder(home) is None


def test_no_one_holds_a_home_that_was_never_locked(home):
    assert home_holder(home) is None
    with lock_home(home, "x"):
        assert "process" in home_holder(home)
