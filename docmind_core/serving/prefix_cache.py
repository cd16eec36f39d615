"""Emptying the prefix cache of an engine, so that an arm does not profit from the one before it."""

import asyncio

import httpx
from pydantic import BaseModel, ValidationError

from docmind_core.serving.connection import EngineConnection, unreachable
from docmind_core.serving.counters import open_client

RESET_ROUTE = "/reset_prefix_cache"
RESET_TRIES = 10
RESET_PAUSE_S = 0.2


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
            if was_reset(response):
                return True
    return False


def was_reset(response: httpx.Response) -> bool:
    """Return whether the engine says that it emptied its cache; an answer without a word about it is a no."""
    try:
        return response.is_success and _Answer.model_validate_json(response.content).success
    except ValidationError:
        return False
