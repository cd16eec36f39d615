"""What servers and proxies are known to send, and what is right then: one row a habit, tried by test_server_habits.py.

To add a habit, add a row: its name, what the server sends for the request of `test_chat_client.make_request`
(2 texts, max_tokens 16), and what is right. Each habit is met over HTTP, again and again; those that are streams also
byte by byte.
"""

import json
from dataclasses import dataclass
from typing import Any

from docmind_core.errors import EngineUnreachable, OutputInvalid
from tests.fakes.engine_server import Refusal, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What is right."""

    text: str = ""
    ended: str | None = "stop"
    """`ended_because` of the reply; None when there is none."""
    tokens: tuple[int, int] | str = "no_usage"
    """Prompt and completion tokens, or why they are NULL."""
    cached: int | str = "flag_off"
    reasoning: str | None = None
    error: type[Exception] | None = None
    attempts: int = 1


def answered(text: str, tokens: tuple[int, int] | str = (10, 3), **more: Any) -> Right:
    return Right(text=text, tokens=tokens, **more)


def no_answer(ended: str, tokens: tuple[int, int] | str = (10, 3), **more: Any) -> Right:
    return Right(ended=ended, tokens=tokens, **more)


def asked_again(tokens: tuple[int, int] | str = "unreconciled") -> Right:
    """Four attempts, each with tokens of its own."""
    return Right(ended=None, tokens=tokens, error=EngineUnreachable, attempts=4)


def given_up(tokens: tuple[int, int] | str = "unreconciled") -> Right:
    return Right(ended=None, tokens=tokens, error=OutputInvalid)


def usage(prompt: Any, completion: Any, **more: Any) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **more}}


def data(chunk: Any, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}{end}".encode()


def said(content: Any = None, finish: str | None = None, *, counts: Any = None, **delta: Any) -> bytes:
    """One chunk; `counts` is its usage, `delta` what its delta has besides content."""
    text = {} if content is None else {"content": content}
    chunk = {"choices": [{"index": 0, "delta": {**text, **delta}, "finish_reason": finish}]}
    return data(chunk | (usage(*counts) if counts else {}))


def total(*counts: Any, **more: Any) -> bytes:
    """The last chunk: the usage alone."""
    return data({"choices": [], **usage(*counts, **more)})


DONE = b"data: [DONE]\n\n"
WORDS = said("It is") + said(" Paris") + said("", "stop")
PARIS = "It is Paris"
END = total(10, 3) + DONE
WHOLE = {"choices": [{"index": 0, "message": {"content": PARIS}, "finish_reason": "stop"}], **usage(10, 3)}
THOUGHTS = b"".join(said(reasoning_content=f"hm{number} ") for number in range(200))
TOOL_CALL = [{"index": 0, "function": {"name": "search", "arguments": '{"q": "Paris"}'}}]


def one_piece(body: Any, status: int = 200) -> Refusal:
    return Refusal(status, {}, body if isinstance(body, str) else json.dumps(body))


HABITS: dict[str, tuple[bytes | Stream | Refusal, Right]] = {
    # Frames of the event stream
    "plain": (WORDS + END, answered(PARIS)),
    "a data field without its space": (WORDS.replace(b"data: ", b"data:") + END, answered(PARIS)),
    "lines that end with CR LF": ((WORDS + END).replace(b"\n", b"\r\n"), answered(PARIS)),
    "lines that end with a lone CR": ((WORDS + END).replace(b"\n", b"\r"), answered(PARIS)),
    "a byte order mark first": (b"\xef\xbb\xbf" + WORDS + END, answered(PARIS)),
    "comments and keep-alives": (b": hello\n\n" + WORDS + b":\n\n: ping\n\n" + END, answered(PARIS)),
    "named events, ids and retry times": (b"event: message\nid: 7\nretry: 9\n" + WORDS + END, answered(PARIS)),
    "pings that are no JSON": (b"event: ping\ndata: now\n\n" + WORDS + END, answered(PARIS)),
    "empty events": (b"data:\n\ndata: \n\n" + WORDS + END, answered(PARIS)),
    "unknown fields": (b"x-trace: 1\n" + WORDS + END, answered(PARIS)),
    "a chunk over several data lines": (
        b'data: {"choices":\ndata: [{"index": 0, "delta": {"content": "It is Paris"},\n'
        b'data: "finish_reason": "stop"}]}\n\n' + END,
        answered(PARIS),
    ),
    "no blank line between events": (WORDS.replace(b"\n\n", b"\n") + b"\n" + END, answered(PARIS)),
    "no blank line after the last event": (WORDS + total(10, 3).rstrip(), answered(PARIS)),
    "no [DONE]": (WORDS + total(10, 3), answered(PARIS)),
    "no [DONE], usage with the finish_reason": (said(PARIS) + said("", "stop", counts=(10, 3)), answered(PARIS)),
    "no [DONE] and no usage": (WORDS, answered(PARIS, "no_usage")),
    "no [DONE], and the connection breaks": (Stream((WORDS + total(10, 3),), "drop"), answered(PARIS)),
    "broken off between the answer and its usage": (Stream((WORDS,), "drop"), answered(PARIS, "unreconciled")),
    "silence after the answer": (Stream((WORDS + total(10, 3),), "hang"), answered(PARIS)),
    "keep-alives for ever after the answer": (Stream((WORDS + total(10, 3), b": ping\n\n"), "never"), answered(PARIS)),
    "something after [DONE]": (WORDS + END + b"<html>bye</html>\n\n", answered(PARIS)),
    "text in other alphabets": (said("Ünïcödé 東京 🗼", "stop") + END, answered("Ünïcödé 東京 🗼")),
    "bytes that are no UTF-8": (said("~", "stop").replace(b"~", b"\xff") + END, answered("\ufffd")),
    "a text with line separators of Unicode": (said("a\u2028b\u0085c", "stop") + END, answered("a\u2028b\u0085c")),
    # Not a stream
    "one piece, though a stream was asked for": (one_piece(WHOLE), answered(PARIS)),
    "one piece with white space around it": (one_piece(f"\n  {json.dumps(WHOLE, indent=2)}\n"), answered(PARIS)),
    "one piece, as an event": (data(WHOLE) + DONE, answered(PARIS)),
    "all of it again as the last event": (WORDS + data(WHOLE) + DONE, answered(PARIS)),
    "an empty body": (b"", asked_again()),
    "nothing but [DONE]": (DONE, asked_again()),
    "a web page": (b"<html><body>Welcome</body></html>\n\n", given_up()),
    "a web page in the middle": (said("It is") + b"<html>504</html>\n\n", asked_again()),
    "the beginning of a chunk": (said("It is") + b'data: {"choices": [{"ind', asked_again()),
    "a list": (data([1, 2]), given_up()),
    "an error in one piece": (one_piece({"error": {"message": "no such model", "code": 404}}), given_up()),
    "an error without a code": (data({"error": {"message": "planted"}}), given_up()),
    "an error as a named event": (b"event: error\n" + data({"message": "bad", "code": 400}), given_up()),
    "a passing error as a named event": (b"event: error\n" + data({"message": "busy", "code": 503}), asked_again()),
    "an endless stream": (Stream((said("and so on "),), "never"), given_up()),
    "an endless line": (Stream((b"data: ", b"x" * 65_536), "never"), given_up()),
    # Kinds of content
    "thinking in reasoning_content": (
        THOUGHTS + WORDS + total(10, 205) + DONE,
        answered(PARIS, (10, 205), reasoning="".join(f"hm{number} " for number in range(200))),
    ),
    "thinking in reasoning": (said(reasoning="hm") + WORDS + END, answered(PARIS, reasoning="hm")),
    "thinking in both": (
        said(reasoning="hm", reasoning_content="hm") + WORDS + END,
        answered(PARIS, reasoning="hm"),
    ),
    "typed parts with thinking": (
        said([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
        + said([{"type": "text", "text": PARIS}], "stop")
        + END,
        answered(PARIS, reasoning="hm"),
    ),
    "content null beside a role": (said(None, role="assistant", content_filter=None) + WORDS + END, answered(PARIS)),
    "a choice that isn't the first": (
        data({"choices": [{"index": 1, "delta": {"content": "No"}}]}) + WORDS + END,
        answered(PARIS),
    ),
    "a chunk with no choices first": (
        data({"choices": [], "prompt_filter_results": []}) + WORDS + END,
        answered(PARIS),
    ),
    # How replies end
    "max_tokens used up by thinking": (
        THOUGHTS + said("", "length") + total(10, 16) + DONE,
        no_answer("thinking", (10, 16), reasoning="".join(f"hm{number} " for number in range(200))),
    ),
    "max_tokens used up by hidden thinking": (
        said("", "length") + total(10, 16) + DONE,
        no_answer("thinking", (10, 16)),
    ),
    "text cut at max_tokens": (said("It is", "length") + END, answered("It is", ended="max_tokens")),
    "a content filter": (said("It", "content_filter") + END, answered("It", ended="content_filter")),
    "a tool call instead of text": (said(None, "tool_calls", tool_calls=TOOL_CALL) + END, no_answer("tool_calls")),
    "a tool call that ends with stop": (said(None, "stop", tool_calls=TOOL_CALL) + END, no_answer("tool_calls")),
    "a function call of the old kind": (
        said(None, "function_call", function_call=TOOL_CALL[0]["function"]) + END,
        no_answer("tool_calls"),
    ),
    "a refusal instead of text": (said(None, refusal="I won't.") + said("", "stop") + END, no_answer("refusal")),
    "nothing, and stop": (said("", "stop") + total(10, 1) + DONE, no_answer("empty", (10, 1))),
    "white space, and stop": (said("\n \n", "stop") + END, answered("\n \n", ended="empty")),
    "text without finish_reason": (said(PARIS) + END, answered(PARIS, ended="unfinished")),
    "an unknown finish_reason": (said(PARIS, "repetition") + END, answered(PARIS, ended="unfinished")),
    "finish_reason eos_token": (said(PARIS, "eos_token") + END, answered(PARIS)),
    "finish_reason in capitals": (said(PARIS, "STOP") + END, answered(PARIS)),
    "an engine that gives up": (said(PARIS, "abort") + END, asked_again(tokens=(10, 3))),
    "text after the finish_reason": (said("It is", "stop") + said(" Paris") + END, answered(PARIS)),
    # Counts
    "zeros beside a text": (WORDS + total(0, 0) + DONE, answered(PARIS, "implausible")),
    "no completion beside a text": (WORDS + total(10, 0) + DONE, answered(PARIS, "implausible")),
    "zeros until the last chunk": (said(PARIS, counts=(0, 0)) + said("", "stop", counts=(0, 0)) + END, answered(PARIS)),
    "zeros after a count": (
        said(PARIS, counts=(10, 3)) + said("", "stop", counts=(10, 3)) + total(0, 0) + DONE,
        answered(PARIS, "implausible"),
    ),
    "a lower count at the end": (
        said(PARIS, counts=(10, 9)) + said("", "stop") + END,
        answered(PARIS, "implausible"),
    ),
    "a count that stops before the answer does": (
        said("It is", counts=(10, 2)) + said(" Paris", "stop") + DONE,
        answered(PARIS, "no_usage"),
    ),
    "-1": (WORDS + total(10, -1) + DONE, answered(PARIS, "implausible")),
    "12.0": (WORDS + total(12.0, 3.0) + DONE, answered(PARIS, (12, 3))),
    '"12"': (WORDS + total("12", "3") + DONE, answered(PARIS, (12, 3))),
    "12.5": (WORDS + total(12.5, 3) + DONE, answered(PARIS, "implausible")),
    '"twelve"': (WORDS + total("twelve", 3) + DONE, answered(PARIS, "implausible")),
    "true": (WORDS + total(10, True) + DONE, answered(PARIS, "implausible")),
    "NaN": (WORDS + total(float("nan"), 3) + DONE, answered(PARIS, "implausible")),
    "Infinity": (WORDS + total(float("inf"), 3) + DONE, answered(PARIS, "implausible")),
    "10**40": (WORDS + total(10**40, 3) + DONE, answered(PARIS, "implausible")),
    "more tokens than max_tokens and letters": (WORDS + total(10, 5_000) + DONE, answered(PARIS, "implausible")),
    "a prompt longer than what was sent": (WORDS + total(1_000_000, 3) + DONE, answered(PARIS, "implausible")),
    "a count without its prompt": (WORDS + total(None, 3) + DONE, answered(PARIS, "no_usage")),
    "usage that is a list": (WORDS + data({"choices": [], "usage": [1]}) + DONE, answered(PARIS, "implausible")),
    "usage null at the end": (
        said(PARIS) + said("", "stop", counts=(10, 3)) + data({"choices": [], "usage": None}) + DONE,
        answered(PARIS),
    ),
    "cached tokens": (
        WORDS + total(10, 3, prompt_tokens_details={"cached_tokens": 8}) + DONE,
        answered(PARIS, cached=8),
    ),
    "more cached than prompt": (
        WORDS + total(10, 3, prompt_tokens_details={"cached_tokens": 11}) + DONE,
        answered(PARIS, cached="implausible"),
    ),
    "cached -1": (
        WORDS + total(10, 3, prompt_tokens_details={"cached_tokens": -1}) + DONE,
        answered(PARIS, cached="implausible"),
    ),
    "cached null": (WORDS + total(10, 3, prompt_tokens_details={"cached_tokens": None}) + DONE, answered(PARIS)),
    "details that are a number": (
        WORDS + total(10, 3, prompt_tokens_details=7) + DONE,
        answered(PARIS, cached="implausible"),
    ),
}
