"""Readers of the published database while a run is killed, resumed, and met by every fault of the network."""

import random
import subprocess
import sys
from contextlib import contextmanager
from itertools import cycle

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.tables.publish import publish
from tests.documents import PROJECT
from tests.faults.consistency import assert_consistent
from tests.faults.proxy import FaultProxy
from tests.faults.test_network import KINDS

READER = """
import os, sys, duckdb
path, stop, stays_open = sys.argv[1], sys.argv[2], sys.argv[3] == "stays open"

def count(connection):
    return connection.execute("select (select count(*) from runs), (select count(*) from query_runs)").fetchone()

connection, seen = duckdb.connect(path, read_only=True), []
print("ready", flush=True)
while True:
    ends = os.path.exists(stop)  # one more look after the end
    if not stays_open:
        connection.close()
        connection = duckdb.connect(path, read_only=True)
    seen += [count(connection)]
    if ends:
        break
assert seen == sorted(seen), seen
print(sorted(set(seen)))
"""

RUN = """
import sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
execute_benchmark_run(Settings(home=Path(sys.argv[1])), sys.argv[2], dagster_run_id=None, observer=SilentObserver())
"""


@contextmanager
def reader(settings, stop, how):
    command = [sys.executable, "-c", READER, str(settings.metrics_database), str(stop), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_poller_and_a_forgotten_shell_never_fail_while_a_run_is_killed_resumed_and_full_of_faults(
    home, make_suite, engine, tmp_path, impatient
):
    """A reader sees whole arms only, never fewer than before; a shell that stays open keeps what it was opened on."""
    publish(home)
    stop, dealer, reply = tmp_path / "stop", random.Random(3), engine.reply
    faults = (dealer.choice(KINDS) if dealer.random() < 0.3 else None for _ in cycle((1,)))
    with (
        FaultProxy(upstream_port=engine.port) as proxy,
        reader(home, stop, "polls") as poller,
        reader(home, stop, "stays open") as shell,
    ):
        key = freeze_benchmark_run(make_suite(engine=proxy.url, arms=["single_pass", "naive_supervisor"]), home)
        with subprocess.Popen([sys.executable, "-c", RUN, str(home.home), key], cwd=PROJECT) as platform:

            def kill_in_the_second_arm(body):
                if len(engine.requests) >= 10:
                    platform.kill()
                return reply(body)

            engine.reply = kill_in_the_second_arm
        proxy._next = faults
        execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
        stop.touch()
        polled, trouble = poller.communicate(timeout=60)
        kept, shell_trouble = shell.communicate(timeout=60)

    assert platform.returncode == -9
    assert (poller.returncode, shell.returncode) == (0, 0), trouble + shell_trouble
    assert (polled, kept) == ("[(0, 0), (1, 6), (2, 12)]\n", "[(0, 0)]\n")
    assert_consistent(home, arms=2, queries=6)
