from contextlib import contextmanager

import httpx
import pytest

from docmind_core.errors import EngineUnreachable, RequestRejected
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.token_counts import RemoteTokenCounts, open_token_counts
from tests.serving.loopback import DROP, serve

COUNTED = (200, '{"count": 7, "max_model_len": 512, "tokens": []}')


@contextmanager
def counting(answers):
    """A counter before a server that answers so, with the waits it made."""
    waits = []
    with serve({"/tokenize": answers}) as server, httpx.Client(trust_env=False) as client:
        connection = EngineConnection(base_url=server.url, model="m", managed=False)
        yield RemoteTokenCounts(connection, client, sleep=waits.append), waits


@pytest.mark.parametrize("fault", [DROP, (503, ""), (500, ""), (429, "")])
def test_one_lost_connection_costs_a_wait_and_no_query(fault):
    with counting([fault, fault, COUNTED]) as (counts, waits):
        assert counts.prompt("s", "u") == 7

    assert [round(wait - 0.5 * 2**number, 1) >= 0 for number, wait in enumerate(waits)] == [True, True]


def test_an_engine_that_stays_away_is_unreachable_after_four_attempts():
    with counting([DROP]) as (counts, waits), pytest.raises(EngineUnreachable, match="--resume"):
        counts.prompt("s", "u")
    assert len(waits) == 3


@pytest.mark.parametrize("answer", [(404, ""), (400, "{}"), (200, "{}"), (200, "no json"), (302, "")])
def test_what_another_attempt_would_meet_again_is_not_repeated(answer):
    with counting([answer]) as (counts, waits), pytest.raises(RequestRejected, match="/tokenize did not count"):
        counts.text("word")
    assert waits == []


def test_an_engine_without_the_route_counts_nothing():
    with serve({}) as server:
        connection = EngineConnection(base_url=server.url, model="m", managed=False)
        with open_token_counts(connection) as counts:
            assert counts is None
