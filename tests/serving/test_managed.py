import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest

from docmind_core.errors import EngineStartError
from docmind_core.serving.engine import stop_engine
from docmind_core.serving.engine_state import group_members, read_state, write_state
from docmind_core.serving.managed import start_engine
from docmind_core.settings import child_environment
from tests.conftest import PROJECT
from tests.serving.engines import fake_profile, survivors

OWNER = """
import sys
from pathlib import Path
from docmind_core.serving.managed import start_engine
from docmind_core.settings import Settings
from tests.serving.engines import fake_profile
start_engine(fake_profile(), Path("/nowhere"), Settings(home=Path(sys.argv[1])), lambda line: None)
print("up", flush=True)
sys.stdin.read()
"""
ENVIRONMENT = child_environment(PYTHONPATH=str(PROJECT))


@pytest.fixture
def owner(home):
    """Another process that has started the fake engine and owns it."""
    command = [sys.executable, "-c", OWNER, str(home.home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def start(home, tmp_path, profile=None, announce=lambda line: None, **options):
    return start_engine(profile or fake_profile(), tmp_path, home, announce, **options)


def test_an_engine_runs_until_it_is_stopped_and_nothing_is_left(home, tmp_path):
    engine = start(home, tmp_path)
    before = group_members(engine.state)
    recorded = read_state(home.home)

    engine.stop()

    assert len(before) == 3  # keeper, server, its worker
    assert recorded == engine.state
    assert group_members(engine.state) == []
    assert read_state(home.home) is None


def test_the_environment_of_an_engine_holds_the_profile_and_no_other_vllm_variables(home, tmp_path, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "from-the-shell")
    engine = start(home, tmp_path)

    environment = psutil.Process(engine.state.pgid).environ()
    engine.stop()

    assert {name: value for name, value in environment.items() if name.startswith("VLLM_")} == {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }


def test_an_engine_that_dies_at_start_is_explained_by_its_log(home, tmp_path):
    with pytest.raises(EngineStartError, match=r"ValueError: no memory left for the KV cache \(log: .*\.log\)"):
        start(home, tmp_path, fake_profile("dies"))

    assert read_state(home.home) is None


def test_an_engine_that_is_never_healthy_is_given_up_and_ended(home, tmp_path):
    with pytest.raises(EngineStartError, match="not healthy after"):
        start(home, tmp_path, fake_profile("silent", start_timeout_s=1.0))

    assert read_state(home.home) is None


def test_an_engine_that_refuses_its_first_request_has_not_started(home, tmp_path):
    with pytest.raises(EngineStartError, match="HTTP 500"):
        start(home, tmp_path, fake_profile("refuses"))

    assert read_state(home.home) is None


def test_a_taken_port_is_named(home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineStartError, match=rf"port {port} on 127\.0\.0\.1 can't be used"):
            start(home, tmp_path, port=port)


def test_a_home_has_one_engine_at_a_time(home, tmp_path):
    engine = start(home, tmp_path)
    try:
        with pytest.raises(EngineStartError, match="is already running at http://127"):
            start(home, tmp_path)
    finally:
        engine.stop()


def test_killing_the_owner_ends_the_whole_engine(home, owner):
    state = read_state(home.home)
    members = group_members(state)

    owner.send_signal(signal.SIGKILL)

    assert len(members) == 3
    assert survivors(state) == []


def test_killing_the_server_ends_the_whole_engine(home, owner):
    state = read_state(home.home)
    server = psutil.Process(state.pgid).children()[0]

    server.kill()

    assert survivors(state) == []


def test_what_a_dead_run_left_behind_is_ended_at_the_next_start(home, tmp_path, owner):
    stale = read_state(home.home)
    server_and_worker = {process.pid for process in group_members(stale)} - {stale.pgid}
    os.kill(stale.pgid, signal.SIGKILL)  # the keeper first, so that it can't end the group
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    said = []
    left_behind = {process.pid for process in group_members(stale)} - {stale.pgid}  # it may still be ending

    engine = start(home, tmp_path, announce=said.append)
    engine.stop()

    assert left_behind == server_and_worker
    assert len(left_behind) == 2
    assert said[0] == f"stopping an engine left running by a process that died (process group {stale.pgid})"
    assert group_members(stale) == []


@pytest.fixture
def step_the_clock(monkeypatch):
    """Set the clock an hour on or back, as far as start times that are derived from it go."""
    true_start = psutil.Process.create_time

    def step(seconds):
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: true_start(process) + seconds)

    return step


UNMARKED = {"start_mark": None, "owner_start_mark": None}
"""What a record that is written without /proc lacks."""


@pytest.mark.parametrize("marks", [{"owner_start_mark": "another-boot:1"}, UNMARKED])
def test_a_record_whose_number_now_belongs_to_a_stranger_harms_no_one(home, tmp_path, marks):
    engine = start(home, tmp_path)
    engine.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as stranger:
        record = replace(engine.state, pgid=stranger.pid, started_at=1.0, owner_started_at=1.0, **marks)
        write_state(home.home, record)

        start(home, tmp_path).stop()

        assert stranger.poll() is None
        stranger.communicate(b"\n")


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_an_engine_is_found_and_ended_after_the_clock_was_set(home, tmp_path, step_the_clock, seconds):
    """A step would make an engine a stranger: it would be forgotten, and run on for ever."""
    engine = start(home, tmp_path, detached=True)
    threading.Thread(target=engine.keeper.wait, daemon=True).start()
    step_the_clock(seconds)
    try:
        assert engine.state.keeper_lives
        assert len(group_members(engine.state)) == 3
        with pytest.raises(EngineStartError, match="already running"):
            start(home, tmp_path)
        assert stop_engine(home, lambda line: None)
        assert survivors(engine.state) == []
    finally:
        with suppress(ProcessLookupError):
            os.killpg(engine.state.pgid, signal.SIGKILL)


def test_the_owner_of_an_engine_lives_after_the_clock_was_set(home, owner, step_the_clock):
    step_the_clock(3600)
    state = read_state(home.home)
    assert state.owner_lives
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert not state.owner_lives


def test_a_detached_engine_outlives_its_starter(home, tmp_path):
    code = OWNER.replace("lambda line: None)", "lambda line: None, detached=True)").replace("sys.stdin.read()", "")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(home.home)], check=True, env=ENVIRONMENT)
    state = read_state(home.home)
    alive = group_members(state)

    os.kill(state.pgid, signal.SIGTERM)

    assert len(alive) == 3
    assert survivors(state) == []
