"""Readers of the published database while a run is killed, resumed, and met by every fault of the network."""

import random
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from itertools import cycle

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from tests.documents import PROJECT
from tests.faults.consistency import assert_consistent
from tests.faults.proxy import FaultProxy
from tests.faults.test_network import KINDS

READER = """
import os, sys, duckdb
path, stop, how = sys.argv[1:]
COUNT = "select (select count(*) from runs), (select count(*) from query_runs)"

def poll():
    ends = False
    while not ends:
        ends = os.path.exists(stop)  # one more look after the end
        with duckdb.connect(path, read_only=True) as connection:
            yield connection.execute(COUNT).fetchone()

def stay_open():
    with duckdb.connect(path, read_only=True) as connection:
        print("ready", flush=True)
        for _ in sys.stdin:  # a line per request of the engine
            yield connection.execute(COUNT).fetchone()

if how == "polls":
    print("ready", flush=True)
seen = list(poll() if how == "polls" else stay_open())
assert seen == sorted(seen), seen
print(len(seen) > 20, sorted(set(seen)))
"""

RUN = """
import sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
print("ready", flush=True)
sys.stdin.readline()
execute_benchmark_run(Settings(home=Path(sys.argv[1])), sys.argv[2], dagster_run_id=None, observer=SilentObserver())
"""


@contextmanager
def process_of(code, *arguments):
    """A process that has said it is ready, and waits for lines if it reads any."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=PROJECT, text=True, **pipes) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_poller_and_a_forgotten_shell_never_fail_while_a_run_is_killed_resumed_and_full_of_faults(
    home, make_suite, engine, tmp_path, impatient
):
    """A reader sees whole arms only, never fewer than before; a shell that stays open keeps what it was opened on."""
    stop, dealer, reply = tmp_path / "stop", random.Random(3), engine.reply
    faults = (dealer.choice(KINDS) if dealer.random() < 0.3 else None for _ in cycle((1,)))
    with FaultProxy(upstream_port=engine.port) as proxy, ExitStack() as stack:
        key = freeze_benchmark_run(make_suite(engine=proxy.url, arms=["single_pass", "naive_supervisor"]), home)
        platform = stack.enter_context(process_of(RUN, str(home.home), key))
        poller = stack.enter_context(process_of(READER, str(home.metrics_database), str(stop), "polls"))
        shell = stack.enter_context(process_of(READER, str(home.metrics_database), str(stop), "stays open"))

        def look_and_kill_in_the_second_arm(body):
            print("look", file=shell.stdin, flush=True)
            if len(engine.requests) >= 10:
                platform.kill()
            return reply(body)

        engine.reply = look_and_kill_in_the_second_arm
        platform.communicate("begin\n")
        proxy._next = faults
        execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
        stop.touch()
        polled, trouble = poller.communicate(timeout=60)
        kept, shell_trouble = shell.communicate(timeout=60)

    assert platform.returncode == -9
    assert (poller.returncode, shell.returncode) == (0, 0), trouble + shell_trouble
    assert (polled, kept) == ("True [(0, 0), (1, 6), (2, 12)]\n", "True [(0, 0)]\n")
    assert_consistent(home, arms=2, queries=6)
