"""When what of one streamed reply arrived, and how fast it was written."""

from typing import NamedTuple

NOT_STREAMED, SINGLE_TOKEN = "not_streamed", "single_token"
TPOT_MIN_S = 1e-5
"""No engine writes one reply at 100,000 tokens per second: chunks that come faster had been kept back on the way."""
_NS_PER_S = 1e9


class Counted(NamedTuple):
    """A moment of a stream, and how many tokens the engine had counted by then."""

    at_ns: int
    completion_tokens: int


class StreamTimes(NamedTuple):
    """The moments of one reply, on the monotonic clock. All chunks of one read have one time.

    A tuple, since there are two of them per chunk: a frozen dataclass takes four times as long to make.
    """

    first_token_ns: int | None = None
    """The first token of any kind: thinking, answer, refusal or tool call. None when the reply came in one piece."""
    last_token_ns: int | None = None
    first_answer_ns: int | None = None
    """The first token of the answer."""
    counted_first: Counted | None = None
    """The first chunk with a usage that counts a token."""
    counted_last: Counted | None = None
    """The last one that counts more than the one before."""
    counted_chunks: int = 0
    """How many chunks had a usage that counts a token."""
    counts_fell: bool = False
    """True when a count was lower than the one before."""

    def with_token(self, now_ns: int, *, of_answer: bool) -> "StreamTimes":
        """Return the times after a chunk with something that the model wrote."""
        if self.last_token_ns == now_ns and (self.first_answer_ns or not of_answer):
            return self  # another chunk of the same read
        return StreamTimes(  # `_replace` takes twice as long
            first_token_ns=self.first_token_ns or now_ns,
            last_token_ns=now_ns,
            first_answer_ns=self.first_answer_ns or (now_ns if of_answer else None),
            counted_first=self.counted_first,
            counted_last=self.counted_last,
            counted_chunks=self.counted_chunks,
            counts_fell=self.counts_fell,
        )

    def with_count(self, now_ns: int, completion_tokens: int) -> "StreamTimes":
        """Return the times after a chunk with a usage."""
        last = self.counted_last
        if last is not None and completion_tokens < last.completion_tokens:
            return self._replace(counts_fell=True)
        if completion_tokens == 0:  # the frame that opens a stream: no token has been written yet
            return self
        counted = Counted(at_ns=now_ns, completion_tokens=completion_tokens)
        # A chunk that counts nothing new is the frame that closes it: its time is not a token's.
        is_new = last is None or completion_tokens > last.completion_tokens
        return StreamTimes(
            first_token_ns=self.first_token_ns,
            last_token_ns=self.last_token_ns,
            first_answer_ns=self.first_answer_ns,
            counted_first=self.counted_first or counted,
            counted_last=counted if is_new else last,
            counted_chunks=self.counted_chunks + 1,
            counts_fell=self.counts_fell,
        )

    def in_one_piece(self) -> "StreamTimes":
        """Return the times of a reply that was not streamed: when it was there."""
        return StreamTimes(last_token_ns=self.last_token_ns)

    def time_per_token_s(self) -> tuple[float | None, str | None]:
        """Return the seconds per output token, or None and the reason.

        Time and tokens between the first and the last chunk whose usage counts a token (docs/metrics.md, `tpot_s`):
        the time to the first token is left out with that token, and the count is the engine's, which may add several
        tokens a chunk, or tokens that have no text.
        """
        first, last = self.counted_first, self.counted_last
        if self.counts_fell:
            return None, "implausible"
        if first is None or last is None or self.counted_chunks < 2:
            return None, NOT_STREAMED
        tokens = last.completion_tokens - first.completion_tokens
        if tokens == 0:
            return None, SINGLE_TOKEN
        tpot_s = (last.at_ns - first.at_ns) / _NS_PER_S / tokens
        # All in one read, or in a few reads one right after another: something on the way had kept the reply back.
        return (tpot_s, None) if tpot_s >= TPOT_MIN_S else (None, NOT_STREAMED)


NO_TIMES = StreamTimes()
