"""The first request to a managed engine, so that no query pays for it."""

import time

import httpx

from docmind_core.errors import EngineStartError
from docmind_core.serving.body_limit import body_limit
from docmind_core.serving.prefix_cache import RESET_PAUSE_S, RESET_ROUTE, RESET_TRIES, was_reset

_TIMEOUT_S = 600.0
_SCHEMA = {"type": "object", "properties": {"ready": {"enum": ["yes", "no"]}}, "required": ["ready"]}


def warm_up(url: str, model: str) -> None:
    """Have an engine on loopback fill in a tiny JSON schema, and forget it again.

    vLLM loads its chat template and its grammar compiler with the first request that needs them; measured on two
    cores that took 3 s, and 16 s alongside other work. The tokens are counted by the engine before a run begins.

    Raises:
        EngineStartError: If the engine can't do that.
    """
    schema = {"type": "json_schema", "json_schema": {"name": "ready", "schema": _SCHEMA}}
    request = {
        "model": model,
        "messages": [{"role": "user", "content": "Are you ready?"}],
        "max_tokens": 8,
        "response_format": schema,
    }
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False, event_hooks=body_limit()) as client:
            reply = client.post("/v1/chat/completions", json=request)
            if not reply.is_success:
                said = f"HTTP {reply.status_code}: {reply.text[:200]}"
                raise EngineStartError(f"the engine at {url} came up, but answers its first request with {said}")
            _forget(client)
    except httpx.HTTPError as error:
        raise EngineStartError(f"the engine at {url} came up, but not its first answer ({error!r}).") from error


def _forget(client: httpx.Client) -> None:
    """Empty the prefix cache as far as the engine does so: before each arm its word is asked for again."""
    for _ in range(RESET_TRIES):
        response = client.post(RESET_ROUTE)
        if was_reset(response) or not response.is_success:
            return
        time.sleep(RESET_PAUSE_S)
