"""The times of one call, from the stamps of its stream."""

import pytest

from docmind_core.runs.call_booking import timing
from docmind_core.serving.chat import AttemptEnd, AttemptStart, TokenUsage

MS = 1_000_000
START = AttemptStart(attempt=1, request_hash="h", max_tokens=64, model="m", scheduled_ns=0, sent_ns=1_000 * MS)


def times(completion_tokens, *, first_ms=1_500, last_ms=3_500):
    usage = TokenUsage(prompt_tokens=10, completion_tokens=completion_tokens, cached_tokens=0)
    end = AttemptEnd(
        attempt=1, status="finished", ended_ns=9_999 * MS, first_token_ns=first_ms * MS, last_token_ns=last_ms * MS,
        usage=usage,
    )  # fmt: skip
    return timing(START, end)


def test_decoding_is_counted_from_the_first_token_on():
    """S4: (completion - 1) / (t_last - t_first); the guide's formula mixed prefill and queue into it."""
    row = times(101)

    assert (row["decode_tps"], row["tpot_s"]) == (50.0, 0.02)
    assert (row["ttft_s"], row["e2e_latency_s"]) == (0.5, 2.5)


@pytest.mark.parametrize(("completion_tokens", "last_ms"), [(1, 1_500), (0, 1_500), (2, 1_500)])
def test_one_token_or_no_gap_has_no_speed(completion_tokens, last_ms):
    """S4: NULL, neither 0 nor endless."""
    assert times(completion_tokens, last_ms=last_ms).get("decode_tps") is None
