"""The times of one call, from the stamps of its stream."""

import pytest

from docmind_core.runs.call_booking import timing, token_counts
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


@pytest.mark.parametrize(
    ("completion_tokens", "last_ms", "because"),
    [(1, 1_500, "single_token"), (0, 1_500, "single_token"), (2, 1_500, "zero_denominator"), (2, 1_600, None)],
)
def test_one_token_or_no_gap_has_no_speed_and_says_why(completion_tokens, last_ms, because):
    """S4: NULL, neither 0 nor endless."""
    row = times(completion_tokens, last_ms=last_ms)

    assert (row.get("decode_tps") is None, row["decode_missing_because"]) == (because is not None, because)


@pytest.mark.parametrize(
    ("status", "first_ms", "because"),
    [("finished", None, "no_content"), ("failed", None, "failed_run"), ("cut_off", 1_500, "failed_run")],
)
def test_a_call_without_times_has_no_speed_for_the_same_reason(status, first_ms, because):
    stamp = None if first_ms is None else first_ms * MS
    end = AttemptEnd(attempt=1, status=status, ended_ns=9_999 * MS, first_token_ns=stamp, last_token_ns=stamp)
    row = timing(START, end)

    assert (row["times_missing_because"], row["decode_missing_because"]) == (because, because)


@pytest.mark.parametrize(
    ("status", "usage", "tokens_because", "cached_because"),
    [
        ("finished", (10, 3, 0), None, None),
        ("finished", (10, 3, None), None, "flag_off"),
        ("finished", None, "no_usage", "no_usage"),
        ("cut_off", (10, 3, None), None, "unreconciled"),
        ("cut_off", None, "unreconciled", "unreconciled"),
    ],
)
def test_cached_tokens_that_nobody_reported_have_a_reason_of_their_own(status, usage, tokens_because, cached_because):
    """S13: the engine's flag was off, or the stream ended before its last chunk."""
    known = usage and TokenUsage(prompt_tokens=usage[0], completion_tokens=usage[1], cached_tokens=usage[2])
    row = token_counts(AttemptEnd(attempt=1, status=status, ended_ns=1, usage=known))

    assert (row["tokens_missing_because"], row["cached_missing_because"]) == (tokens_because, cached_because)
    assert (row.get("cached_tokens") is None) == (cached_because is not None)
