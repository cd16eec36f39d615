"""Preparing an engine for measurement: a first request, and emptying its prefix cache before each arm."""

import asyncio
import time
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineStartError
from docmind_core.serving.body_limit import body_limit
from docmind_core.serving.connection import EngineConnection, ended_early, unreachable
from docmind_core.serving.counters import open_client

_RESET_ROUTE = "/reset_prefix_cache"
RESET_TRIES = 10
RESET_PAUSE_S = 0.2
_FIRST_REPLY_TIMEOUT_S = 600.0
_SCHEMA = {"type": "object", "properties": {"ready": {"enum": ["yes", "no"]}}, "required": ["ready"]}


class _Answer(BaseModel):
    success: bool


async def reset_prefix_cache(connection: EngineConnection, *, pause_s: float | None = None) -> bool:
    """Empty the prefix cache of an engine on which nothing runs or waits (`read_settled_counters`).

    vLLM answers HTTP 200 also when it did nothing: while a request, or the last one's clean-up, holds a block. So its
    word is asked for, ten times within two seconds.

    Returns:
        True if the engine says that it is empty now; False if it doesn't, has no such route, or is not ours to reset.

    Raises:
        EngineUnreachable: If it does not answer.
    """
    route = connection.dialect.reset_route
    if route is None or not connection.prefix_cache_resettable:
        return False
    pause_s = RESET_PAUSE_S if pause_s is None else pause_s
    async with open_client(connection) as client:
        for number in range(RESET_TRIES):
            if number:
                await asyncio.sleep(pause_s)
            try:
                response = await client.post(f"{connection.base_url}{route}")
            except httpx.HTTPError as error:
                what = str(error) or type(error).__name__
                raise unreachable(connection, f"did not empty its prefix cache ({what})") from error
            if not response.is_success:
                return False
            if _was_reset(response):
                return True
    return False


def _was_reset(response: httpx.Response) -> bool:
    """Return whether the engine says that it emptied its cache; an answer without a word about it is a no."""
    try:
        return response.is_success and _Answer.model_validate_json(response.content).success
    except ValidationError:
        return False


def warm_up(url: str, model: str, log: Path) -> None:
    """Send a local engine a first request with a tiny JSON schema, then clear its cache.

    vLLM loads its chat template and its grammar compiler with the first request that needs them; measured on two
    cores that took 3 s, and 16 s alongside other work. The tokens are counted by the engine before a run begins.

    Raises:
        EngineStartError: If the engine can't do that; where it has ended, with the last words of its log.
    """
    schema = {"type": "json_schema", "json_schema": {"name": "ready", "schema": _SCHEMA}}
    request = {
        "model": model,
        "messages": [{"role": "user", "content": "Are you ready?"}],
        "max_tokens": 8,
        "response_format": schema,
    }
    try:
        with httpx.Client(
            base_url=url, timeout=_FIRST_REPLY_TIMEOUT_S, trust_env=False, event_hooks=body_limit()
        ) as client:
            reply = client.post("/v1/chat/completions", json=request)
            if not reply.is_success:
                said = f"HTTP {reply.status_code}: {reply.text[:200]}"
                raise EngineStartError(f"the engine at {url} started, but answered its first request with {said}")
            _forget(client)
    except httpx.HTTPError as error:
        raise ended_early(url, log) from error


def _forget(client: httpx.Client) -> None:
    """Empty the prefix cache as far as the engine does so: before each arm its word is asked for again."""
    for _ in range(RESET_TRIES):
        response = client.post(_RESET_ROUTE)
        if _was_reset(response) or not response.is_success:
            return
        time.sleep(RESET_PAUSE_S)
