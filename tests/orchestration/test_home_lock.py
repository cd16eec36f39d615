"""A run that Dagster launched waits for the home instead of failing, and holds no slot of the pool meanwhile."""

import subprocess
import sys
from contextlib import contextmanager
from threading import Event, Thread

import dagster as dg
import pytest

from dagster_project.assets import agent_runs
from dagster_project.assets.agent_runs import hold_home
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.progress import GivenObserver
from dagster_project.resources import StoreResource
from docmind_core.runs.benchmark import BenchmarkOutcome
from docmind_core.runs.progress import SilentObserver

KEY = "20261122T020000Z-smoke-7f3a"
POOL = "engine"
HOLDER = (
    "import sys; from docmind_core.runs.lock import lock_home; from docmind_core.settings import load_settings\n"
    "with lock_home(load_settings(), 'docmind bench smoke'): print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def another_process_has_the_home():
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield holder
        if not holder.stdin.closed:
            holder.stdin.close()


def test_an_occupied_home_asks_for_another_try_and_says_so_once(settings):
    told = []
    with another_process_has_the_home() as holder:
        pauses = []
        for tries_before in (0, 1, 50):
            with (
                pytest.raises(dg.RetryRequested) as wanted,
                hold_home(settings, KEY, told.append, tries_before=tries_before),
            ):
                pytest.fail("the home is not ours")
            pauses.append(wanted.value.seconds_to_wait)
    assert pauses == [5.0, 10.0, 60.0]
    [line] = told
    assert line.startswith("waiting: ")
    assert f"process {holder.pid}, which runs docmind bench smoke" in line


def test_a_free_home_is_held_without_a_word(settings):
    told = []
    with hold_home(settings, KEY, told.append, tries_before=0):
        assert told == []


class CommandLine:
    """A `docmind bench` that has the home and comes to its own step: it wants the pool's slot, then gives both back."""

    def __init__(self, instance, holder):
        self.pool, self.holder = instance.event_log_storage, holder
        self.had_the_slot = False
        self.thread = Thread(target=self.work)

    def work(self):
        for _ in range(200):
            if self.pool.claim_concurrency_slot(POOL, "of-the-command-line", "agent_runs").is_claimed:
                self.had_the_slot = True
                break
            Event().wait(0.05)
        self.holder.stdin.close()
        self.holder.wait()
        self.pool.free_concurrency_slots_for_run("of-the-command-line")


def test_a_run_that_waits_for_the_home_leaves_the_slot_to_the_run_that_has_it(settings, monkeypatch):
    """Each of the two would otherwise wait for what the other has, for ever."""
    done = []

    def execute(settings, benchmark_run, **named):
        done.append(benchmark_run)
        return BenchmarkOutcome(benchmark_run=benchmark_run, arms=())

    monkeypatch.setattr(agent_runs, "execute_benchmark_run", execute)
    monkeypatch.setattr("dagster_project.resources.suite_path", lambda settings, key: None)
    monkeypatch.setattr(agent_runs, "SECONDS_BETWEEN_TRIES", 0.05)
    monkeypatch.setattr(agent_runs, "SECONDS_BETWEEN_TRIES_MAX", 0.05)
    with open_instance(settings) as instance, another_process_has_the_home() as holder:
        add_benchmark_run(instance, KEY)
        command_line = CommandLine(instance, holder)

        class Waits(SilentObserver):
            def announce(self, text):
                if text.startswith("waiting"):
                    command_line.thread.start()

        result = dg.materialize(
            [agent_runs.agent_runs],
            instance=instance,
            partition_key=KEY,
            resources={"store": StoreResource(home=str(settings.home)), "observers": GivenObserver(Waits())},
        )
        command_line.thread.join()

    assert result.success
    assert command_line.had_the_slot
    assert done == [KEY]
