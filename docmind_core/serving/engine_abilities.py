"""What a running engine can do for a benchmark, and what stays unknown without the rest: for `docmind doctor`."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import BY_SOURCE, CounterSnapshot, open_client, read_settled_counters
from docmind_core.serving.structured_output import PROBE_SYSTEM, probe_structured_output
from docmind_core.serving.token_counts import open_token_counts
from docmind_core.serving.token_usage import ImplausibleUsage, read_usage

YES, NO, PARTLY = "yes", "no", "partly"
_TIMEOUT_S = 120.0
_MAX_TOKENS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One thing that was tried."""

    ability: str
    offered: str
    """`yes`, `no` or `partly`."""
    found: str
    unknown: str | None = None
    """What is NULL without it, with the recorded reason; None if nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """What one streamed reply carried."""

    usage: dict[str, object] | None = None
    in_every_chunk: bool = False
    problem: str | None = None


def engine_abilities(connection: EngineConnection) -> Iterator[Ability]:
    """Try everything that a benchmark asks of an engine; costs nine short replies.

    Raises:
        EngineUnreachable: If it stops answering.
    """
    window = connection.max_model_len
    yield Ability(
        ability="context window",
        offered=NO if window is None else YES,
        found="/v1/models does not report it" if window is None else f"{window:,} tokens",
        unknown="context_utilisation_ratio (not_supported); arms with context_budget are not possible"
        if window is None
        else None,
    )
    yield from _usage(connection, asyncio.run(_stream(connection)))
    yield from _structured(connection)
    yield _counters(connection, asyncio.run(read_settled_counters(connection)))
    yield _tokenizer(connection)
    yield Ability(
        ability="cache reset",
        offered=NO,
        found="the cache of an external engine is not reset",
        unknown="runs.prefix_cache_state (unknown): cached tokens and times of arms are not compared",
    )


def _usage(connection: EngineConnection, stream: _Stream) -> Iterator[Ability]:
    usage = stream.usage
    if usage is None:
        found = stream.problem or "no chunk of a stream has a usage, although it was requested"
        yield Ability(
            ability="token counts", offered=NO, found=found, unknown="all tokens and reductions (no_usage), the ledger"
        )
        return
    if not _is_plausible(usage):
        counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
        yield Ability(
            ability="token counts",
            offered=NO,
            found=f"implausible usage: {json.dumps(counts)[:80]}",
            unknown="all tokens and reductions (implausible), the ledger",
        )
        return
    yield Ability(
        ability="token counts",
        offered=YES if stream.in_every_chunk else PARTLY,
        found="in every chunk of a stream" if stream.in_every_chunk else "only in the last chunk of a stream",
        unknown=None
        if stream.in_every_chunk
        else "tpot_s, decode_tps (not_streamed), the tokens of a call that is cut off (unreconciled)",
    )
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    flag = " (vLLM: start it with --enable-prompt-tokens-details)" if connection.dialect.name == "vllm" else ""
    yield Ability(
        ability="cached tokens",
        offered=NO if cached is None else YES,
        found=f"not in the usage{flag}" if cached is None else "in the usage",
        unknown=f"cached_tokens, prefill_computed_tokens ({connection.dialect.cached_unsaid})"
        if cached is None
        else None,
    )


def _is_plausible(usage: dict[str, object]) -> bool:
    try:
        found = read_usage(usage)
    except ImplausibleUsage:
        return False
    return found is not None and found.completion_tokens > 0


def _structured(connection: EngineConnection) -> Iterator[Ability]:
    found = probe_structured_output(connection)
    honoured = found.schema.honoured
    yield Ability(
        ability="JSON schema",
        offered={True: YES, False: NO, None: PARTLY}[honoured],
        found=f"response_format is {found.schema.text}",
        unknown=None if honoured else "arms that need decisions are not possible: all but single_pass",
    )
    if connection.dialect.choices == "json_schema":
        yield Ability(
            ability="choices",
            offered=PARTLY,
            found="requested as a JSON schema; structured_outputs is specific to vLLM",
        )
        return
    native = found.choices.honoured
    yield Ability(
        ability="choices",
        offered=YES if native else PARTLY,
        found=f"structured_outputs is {found.choices.text}"
        + ("" if native is not False else "; choices are requested as a JSON schema"),
    )


def _counters(connection: EngineConnection, snapshot: CounterSnapshot | None) -> Ability:
    without = "ledger_balance (no_metrics), prefill_tps, preemptions, KV cache usage (not_supported)"
    if snapshot is None:
        found = "/metrics has no vLLM counters" if connection.dialect.metrics_route else "not supported by this dialect"
        return Ability(ability="counters", offered=NO, found=found, unknown=without)
    if snapshot.engines_seen > 1:
        return Ability(
            ability="counters",
            offered=NO,
            found=f"several engines answer at this URL (at least {snapshot.engines_seen}); give the URL of each",
            unknown="ledger_balance, prefill_tps (not_exclusive)",
        )
    if missing := [name for name in ("prompt_tokens", "generation_tokens") if name not in snapshot.values]:
        return Ability(ability="counters", offered=NO, found=f"/metrics lacks {', '.join(missing)}", unknown=without)
    by_source = any(name.startswith(BY_SOURCE) for name in snapshot.values)
    sources = "including prompt tokens by source" if by_source else "prompt tokens without their source"
    return Ability(ability="counters", offered=YES, found=f"/metrics of one engine, {sources}")


def _tokenizer(connection: EngineConnection) -> Ability:
    with open_token_counts(connection) as counts:
        if counts is not None:
            return Ability(
                ability="tokenizer", offered=YES, found=f"{connection.dialect.tokenize_route} counts prompts"
            )
    route = connection.dialect.tokenize_route
    return Ability(
        ability="tokenizer",
        offered=NO,
        found=f"{route} does not count a prompt" if route else "not supported by this dialect",
        unknown="prompt_tokens_est, handoff_tokens (not_supported); overlong prompts are rejected, not shortened",
    )


async def _stream(connection: EngineConnection) -> _Stream:
    """Ask for one short reply and look at the chunks as they come."""
    request = ChatRequest(system=PROBE_SYSTEM, user="Count from one to five.", max_tokens=_MAX_TOKENS)
    body = connection.dialect.body(request, connection.model)
    written = with_usage = 0
    usage: dict[str, object] | None = None
    try:
        async with (
            open_client(connection) as client,
            client.stream(
                "POST", f"{connection.base_url}/v1/chat/completions", json=body, timeout=_TIMEOUT_S
            ) as response,
        ):
            if not response.is_success:
                said = (await response.aread()).decode("utf-8", "replace")
                return _Stream(problem=f"a chat completion was answered with HTTP {response.status_code}: {said[:200]}")
            async for line in response.aiter_lines():
                chunk = _chunk(line)
                counted = chunk.get("usage")
                written += bool(chunk.get("choices"))
                if isinstance(counted, dict):
                    usage = counted
                    with_usage += bool(chunk.get("choices"))
    except httpx.HTTPError as error:
        return _Stream(problem=f"a chat completion was interrupted ({type(error).__name__})")
    return _Stream(usage=usage, in_every_chunk=bool(usage) and written > 1 and with_usage == written)


def _chunk(line: str) -> dict[str, object]:
    try:
        found = json.loads(line.removeprefix("data:").strip())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
