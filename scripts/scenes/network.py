"""What a user sees of each fault of the network; every other call meets it."""

import re
from collections import deque
from itertools import cycle

from scripts.transcript_stage import Stage
from tests.faults.proxy import FaultProxy

ATTEMPTS = (
    "select query_id, attempt, status, http_status, error_type, round(e2e_latency_s, 2) as e2e_s from llm_calls "
    "order by sent_at"
)


def through(stage: Stage, fault: str, question: str = ATTEMPTS) -> str:
    """Run through a proxy that deals `fault` to every second call; then show the attempts."""
    faults = cycle((None, fault))
    with FaultProxy(upstream_port=stage.engine.port, faults=faults, retry_after_s=1, piece_s=0.02) as proxy:
        stage.write_suite(engine=proxy.url)
        shown = stage.shown("bench", "toy.yaml")
    return f"{shown}\n{stage.shown('sql', question)}"


def drop(stage: Stage) -> str:
    """The connection is closed before the engine has seen the request."""
    return through(stage, "drop")


def error_500(stage: Stage) -> str:
    """The server fails."""
    return through(stage, "500")


def busy_429(stage: Stage) -> str:
    """The server asks us to wait a second."""
    waited = (
        "select query_id, attempt, status, http_status, "
        "round(epoch(sent_at - lag(sent_at) over (partition by query_id order by attempt)), 1) as after_s "
        "from llm_calls order by sent_at"
    )
    return through(stage, "429", waited)


def slow(stage: Stage) -> str:
    """The answer comes 16 bytes at a time, with a pause after each."""
    return through(stage, "slow")


def cut(stage: Stage) -> str:
    """The connection is closed in the middle of an answer."""
    return through(stage, "cut")


def cut_off(stage: Stage) -> str:
    """Answers are lost on the way; the ledger names the calls."""
    with FaultProxy(upstream_port=stage.engine.port, faults=("lose",)) as proxy:
        stage.write_suite(engine=proxy.url)
        with stage.start("bench", "toy.yaml") as process:
            process.communicate()
    question = "select state, unreconciled_calls, because from ledger_balance"
    return re.sub(r"[0-9a-f]{16,}", "5f0c…", stage.shown("sql", question))


def garbage(stage: Stage) -> str:
    """Something that is not an engine answers once."""
    stage.engine.faults = deque(["garbage"])
    stage.shown("bench", "toy.yaml")
    return stage.shown("sql", "select query_id, status, error_type, error_message from query_runs order by 1")


def deadline(stage: Stage) -> str:
    """One query hangs."""
    stage.write_suite(deadline_s=2.0)
    stage.engine.faults = deque(["hang"])
    stage.shown("bench", "toy.yaml")
    return stage.shown("sql", "select query_id, status, error_type, error_message from query_runs order by 1")
