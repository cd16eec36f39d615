"""The times of one call, from the stamps of its stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.runs.call_booking import timing, token_counts
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.stream_times import NO_TIMES
from docmind_core.serving.token_usage import TokenUsage
from tests.serving.server_habits import DONE, said, total
from tests.serving.test_chat_client import make_request

MS = 1_000_000
START = AttemptStart(attempt=1, request_hash="h", max_tokens=64, model="m", scheduled_ns=0, sent_ns=500 * MS)


async def row_of(*reads, max_tokens=1_000, sent_ms=1_000):
    """The time columns of a reply whose reads came at these milliseconds."""
    clock = [at_ms * MS for at_ms, _ in reads]

    async def arriving():
        for _, sent in reads:
            yield sent

    streamed = StreamedReply(request=make_request(max_tokens=max_tokens), clock_ns=lambda: clock.pop(0))
    await streamed.read(arriving())
    reply = streamed.reply()
    end = AttemptEnd(
        attempt=1,
        status="finished",
        ended_ns=99_999 * MS,
        sent_ns=sent_ms * MS,
        times=streamed.times,
        usage=reply.usage,
        usage_missing_because=reply.usage_missing_because,
    )
    return timing(START, end)


def speed(row):
    return row["decode_missing_because"] or (row["tpot_s"], row["decode_tps"])


async def test_a_reply_is_timed_from_when_it_was_sent():
    """S4: not from when it was booked, at 500 ms."""
    row = await row_of((1_500, said("a", counts=(9, 1))), (3_500, said("b", "stop", counts=(9, 101))), (3_600, DONE))

    assert (row["ttft_s"], row["ttft_answer_s"], row["e2e_latency_s"]) == (0.5, 0.5, 2.5)
    assert speed(row) == (pytest.approx(0.02), pytest.approx(50.0))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thinking_is_written_at_the_speed_of_the_model_and_begins_with_its_first_token(field):
    """200 chunks of thinking and 5 of answer, 20 ms apart: was 20 to 50 times too fast."""
    thoughts = [(1_000 + 20 * n, said(**{field: "hm "}, counts=(9, n))) for n in range(1, 201)]
    words = [(5_000 + 20 * n, said("so ", counts=(9, 200 + n))) for n in range(1, 6)]
    row = await row_of(*thoughts, *words, (5_120, said("", "stop", counts=(9, 206))), (5_200, total(9, 206) + DONE))

    assert (row["ttft_s"], row["ttft_answer_s"]) == (0.02, 4.02)
    assert speed(row) == (pytest.approx(0.02), pytest.approx(50.0))


async def test_the_end_token_has_no_text_and_counts():
    """`choose_*` replies are one token and the end token: the text alone would be twice as fast, or have no speed."""
    row = await row_of((1_100, said("yes", counts=(9, 1))), (1_140, said("", "stop", counts=(9, 2))), (1_140, DONE))

    assert speed(row) == (pytest.approx(0.04), pytest.approx(25.0))


async def test_a_chunk_may_carry_several_tokens():
    row = await row_of((1_100, said("one two", counts=(9, 4))), (1_300, said(" three", "stop", counts=(9, 14))))

    assert speed(row) == (pytest.approx(0.02), pytest.approx(50.0))


async def test_the_frame_before_the_first_token_and_after_the_last_one_takes_no_time_of_theirs():
    row = await row_of(
        (1_001, said("", role="assistant", counts=(9, 0))),
        (2_000, said("one", counts=(9, 1))),
        (2_100, said(" two", "stop", counts=(9, 2))),
        (9_000, total(9, 2) + DONE),
    )

    assert row["ttft_s"] == 1.0
    assert speed(row) == (pytest.approx(0.1), pytest.approx(10.0))


@pytest.mark.parametrize(
    ("reads", "because"),
    [
        ([(1_100, said("one")), (1_200, said(" two", "stop")), (1_300, total(9, 2))], "not_streamed"),
        ([(1_100, said("one") + said(" two", "stop"))], "no_usage"),
        ([(1_100, said("one", "stop", counts=(9, 1)))], "not_streamed"),
        ([(1_100, said("one", "stop", counts=(9, 1))), (1_200, total(9, 1))], "single_token"),
        ([(1_100, said("a", counts=(9, 1)) + said("b", "stop", counts=(9, 2)))], "not_streamed"),
        (
            [(1_100, said("a", counts=(9, 1))), (1_101, said("b", "stop", counts=(9, 900)))],
            "not_streamed",
        ),
        (
            [(1_100, said("a", counts=(9, 5))), (1_200, said("b", counts=(9, 3))), (1_300, said("c", "stop"))],
            "implausible",
        ),
    ],
    ids=[
        "no continuous usage",
        "no usage",
        "one chunk",
        "one token",
        "one read",
        "kept back on the way",
        "counts fall",
    ],
)
async def test_where_nothing_was_timed_there_is_no_speed_and_a_reason(reads, because):
    """S4: NULL, neither 0 nor endless."""
    assert speed(await row_of(*reads)) == because


async def test_a_reply_in_one_piece_has_an_end_and_no_times_within():
    whole = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    row = await row_of((1_900, whole))

    assert (row["e2e_latency_s"], row["ttft_s"], row["ttft_answer_s"]) == (0.9, None, None)
    assert (row["times_missing_because"], row["answer_time_missing_because"]) == ("not_streamed", "not_streamed")


@given(gaps=st.lists(st.integers(1, 500), min_size=1, max_size=30), sizes=st.lists(st.integers(1, 9), min_size=30))
def test_speed_is_time_by_tokens_whatever_a_chunk_holds(gaps, sizes):
    times, now, tokens = NO_TIMES.with_count(7, 2), 7, 2
    for gap, size in zip(gaps, sizes, strict=False):
        now, tokens = now + gap * MS, tokens + size
        times = times.with_count(now, tokens)

    tpot_s, because = times.time_per_token_s()

    assert because is None
    assert tpot_s == pytest.approx(sum(gaps) / 1_000 / (tokens - 2))


@pytest.mark.parametrize(
    ("status", "at_ms", "because"),
    [("finished", None, "no_content"), ("failed", None, "failed_run"), ("cut_off", 1_500, "failed_run")],
)
def test_a_call_without_times_has_no_speed_for_the_same_reason(status, at_ms, because):
    times = NO_TIMES if at_ms is None else NO_TIMES.with_token(at_ms * MS, of_answer=True)
    row = timing(START, AttemptEnd(attempt=1, status=status, ended_ns=9_999 * MS, times=times))

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
def test_cached_tokens_that_no_one_reported_have_a_reason_of_their_own(status, usage, tokens_because, cached_because):
    """S13: the engine's flag was off, or the stream ended before its last chunk."""
    known = usage and TokenUsage(prompt_tokens=usage[0], completion_tokens=usage[1], cached_tokens=usage[2])
    row = token_counts(AttemptEnd(attempt=1, status=status, ended_ns=1, usage=known))

    assert (row["tokens_missing_because"], row["cached_missing_because"]) == (tokens_because, cached_because)
    assert (row.get("cached_tokens") is None) == (cached_because is not None)
