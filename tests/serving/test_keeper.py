import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

KEEPER = (sys.executable, "-P", "-m", "docmind_core.serving.keeper")
READY = "print('ready', flush=True); "
FOREVER = "import time; time.sleep(600)"
WITH_WORKER = (
    "import subprocess, sys; "
    "ignoring = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)'; "
    "subprocess.Popen([sys.executable, '-c', ignoring]); "
)


@pytest.fixture
def keep():
    """Start a keeper; whatever a test does to it, nothing of it is left afterwards."""
    keepers = []

    def start(code, *, grace_s=5.0, pipe=None):
        life = ["--detached"] if pipe is None else ["--pipe", str(pipe)]
        command = [*KEEPER, "--grace", str(grace_s), *life, "--", sys.executable, "-c", code]
        keeper = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, pass_fds=() if pipe is None else (pipe,), start_new_session=True
        )
        keepers.append(keeper)
        if READY in code:
            assert keeper.stdout.readline() == "ready\n"
        return keeper, psutil.Process(keeper.pid).children(recursive=True)

    yield start
    for keeper in keepers:
        with suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
        keeper.stdout.close()


@pytest.fixture
def pipe():
    """The two ends of a platform's pipe; a test may close either."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def all_gone(processes):
    """Wait for their ends, not for an init that collects them seconds later, as that of some containers does."""
    for process in processes:
        with suppress(ProcessLookupError):
            ended = os.pidfd_open(process.pid)
            try:
                if not select.select([ended], [], [], 15)[0]:
                    return False
            finally:
                os.close(ended)
    return True


def test_the_whole_group_ends_when_the_server_ends_by_itself(keep):
    keeper, _ = keep(WITH_WORKER + "sys.exit(3)")

    assert keeper.wait(120) == -signal.SIGKILL
    assert keeper.stdout.read() == "docmind keeper: the engine exited on its own, exit code 3\n"


def test_the_whole_group_ends_when_the_server_is_killed(keep):
    _, processes = keep(WITH_WORKER + READY + FOREVER)
    server = processes[0]

    os.kill(server.pid, signal.SIGKILL)

    assert len(processes) == 2
    assert all_gone(processes)


def test_the_whole_group_ends_when_the_platform_is_gone(keep, pipe):
    read_end, write_end = pipe
    keeper, processes = keep(WITH_WORKER + READY + FOREVER, pipe=read_end)

    os.close(write_end)

    assert all_gone(processes)
    assert keeper.wait(120) == -signal.SIGKILL


def test_a_server_that_ignores_the_request_to_stop_is_killed_after_the_grace(keep, pipe):
    read_end, write_end = pipe
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); " + READY + FOREVER
    keeper, processes = keep(stubborn, grace_s=0.2, pipe=read_end)

    os.write(write_end, b"s")

    assert all_gone(processes)
    assert "is still running after 0.2 s" in keeper.stdout.read()


def test_an_orderly_stop_lets_the_server_finish(keep, pipe):
    read_end, write_end = pipe
    finishing = (
        "import signal, sys; signal.signal(15, lambda *_: (print('finished', flush=True), sys.exit(0))); "
        + READY
        + FOREVER
    )
    keeper, _ = keep(finishing, pipe=read_end)

    os.write(write_end, b"s")

    assert "finished\n" in keeper.stdout.read()


def test_a_detached_keeper_stops_its_group_on_sigterm(keep):
    keeper, processes = keep(WITH_WORKER + READY + FOREVER)

    keeper.send_signal(signal.SIGTERM)

    assert all_gone(processes)


def test_the_server_notices_when_the_keeper_itself_is_killed(keep):
    watching = READY + "import os, sys; os.read(sys.stdin.fileno(), 1)"  # as the launcher does with --watch-stdin
    keeper, processes = keep(watching)

    keeper.kill()

    assert all_gone(processes)
