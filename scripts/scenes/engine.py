"""What a user sees when something happens to the engine."""

import os
import signal
import time
from collections import deque
from typing import Any

import httpx
import psutil

from docmind_core.serving.counters import read_samples
from docmind_core.serving.engine_state import read_state
from scripts.transcript_stage import Stage
from tests.fakes.engine_server import Stream, plain_reply
from tests.fakes.plain_servers import PlainServer
from tests.serving.server_habits import HABITS


def engine_gone(stage: Stage) -> str:
    """The engine dies in the middle, comes back, and the run continues."""
    stage.write_suite()
    stage.engine.faults = deque([None, None, *["drop"] * 40])
    stage.engine.healthy = False
    first = stage.shown("bench", "toy.yaml")
    stage.engine.faults.clear()
    stage.engine.healthy = True
    return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume')}"


def doctor_engine(stage: Stage) -> str:
    """What a vLLM server can do, what another one leaves unknown, and an arm that it can't serve."""
    vllm = stage.shown("doctor", "--engine", stage.engine.url)
    with PlainServer(model="llama3.2:latest", keeps_forms=lambda body: False) as other:
        plain = stage.shown("doctor", "--engine", other.url)
        refused = stage.shown("bench", "toy.yaml", "--engine", other.url, "--arms", "single_pass,tuned")
    return f"{vllm}\n{plain}\n{refused}"


FAKE_PROFILE = """
import sys
from docmind_core.serving import profiles
from tests.serving.engines import fake_profile
slow = (sys.executable, "-m", "tests.fakes.engine_server", "--latency-s", "1")
profiles._BUILDERS["cpu-smollm2"] = lambda: fake_profile(launcher=slow)
"""


def engine_killed(stage: Stage) -> str:
    """An engine that the run has started is killed with -9; then --resume."""
    stage.write_suite(engine="cpu-smollm2")
    with stage.start("bench", "toy.yaml", first=FAKE_PROFILE) as process:
        seen = stage.read_until(process, "the engine is ready")
        if state := read_state(stage.home):
            _wait_for_an_answer(state.url)
            psutil.Process(state.pgid).children()[0].kill()
        first = stage.block(("bench", "toy.yaml"), seen + process.communicate()[0], process.returncode)
    with stage.start("bench", "toy.yaml", "--resume", first=FAKE_PROFILE) as process:
        resumed = stage.block(("bench", "toy.yaml", "--resume"), process.communicate()[0], process.returncode)
    return f"{first}\n{resumed}"


def _wait_for_an_answer(url: str) -> None:
    """Return once an engine has answered more requests than until now."""
    before = None
    while before is None or _answered(url) == before:
        before = _answered(url) if before is None else before
        time.sleep(0.2)


def _answered(url: str) -> float:
    samples = read_samples(httpx.get(f"{url}/metrics", trust_env=False).text)
    return sum(sample.value for sample in samples if "request_success" in sample.name)


def stale_engine(stage: Stage) -> str:
    """The platform and the engine's keeper are killed with -9: nothing is left to end the engine."""
    stage.write_suite(engine="cpu-smollm2")
    with stage.start("bench", "toy.yaml", first=FAKE_PROFILE) as process:
        stage.read_until(process, "the engine is ready")
        if state := read_state(stage.home):
            os.kill(state.pgid, signal.SIGKILL)
        process.kill()
    with stage.start("bench", "toy.yaml", "--resume", first=FAKE_PROFILE) as process:
        return stage.block(("bench", "toy.yaml", "--resume"), process.communicate()[0], process.returncode)


def shared_engine(stage: Stage) -> str:
    """Another client asks the engine something during the run."""
    others = iter([True])

    def reply(body: dict[str, Any]) -> str:
        if next(others, False):
            for counter, amount in (("prompt_tokens", 700), ("generation_tokens", 80), ("request_success", 1)):
                stage.engine.counters[counter] = stage.engine.counters.get(counter, 0.0) + amount
        return plain_reply(body)

    stage.engine.reply = reply
    shown = stage.shown("bench", "toy.yaml")
    return f"{shown}\n{stage.shown('sql', 'select state, prompt_difference, because from ledger_balance')}"


def all_failed(stage: Stage) -> str:
    """Every call ends in HTTP 400."""
    stage.write_suite()
    stage.engine.faults = deque([400] * 100)
    return stage.shown("bench", "toy.yaml")


def no_answer(stage: Stage) -> str:
    """Two of four answers never begin: the model thinks until max_tokens."""
    thinking = Stream((HABITS["max_tokens used up by hidden thinking"][0],))
    stage.engine.faults = deque([thinking, None, thinking])
    shown = stage.shown("bench", "toy.yaml")
    return f"{shown}\n{stage.shown('sql', 'select query_id, status, ended_because from query_runs order by 1')}"
