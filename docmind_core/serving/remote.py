"""What an engine says about itself, and one line for each way in which it does not answer."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineUnreachable, RequestRejected, UsageError
from docmind_core.serving.body_limit import BodyTooLong, body_limit
from docmind_core.serving.connection import authorization, http_options
from docmind_core.serving.counters import PREFIX, read_samples
from docmind_core.serving.dialects import PLAIN_OPENAI, VLLM, Dialect

_TIMEOUT_S = 15.0

_RIGHT_URL = "Give the base URL of the server, without /v1/chat/completions: http://HOST:PORT"
PLUMBING_MODEL = "smollm2-135m"
"""In the names of the bundled model, a smoke-test model, which is served by hand too."""


class _ServedModel(BaseModel):
    id: str
    root: str | None = None
    """What the server was started with: a name, or a path on its machine."""
    max_model_len: int | None = None
    owned_by: str | None = None
    """Kind of server, where it says so: vllm, sglang, llamacpp, library (Ollama)."""


class _ServedModels(BaseModel):
    data: list[_ServedModel]


class _Version(BaseModel):
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the engine's own routes say."""

    model: str
    max_model_len: int | None
    version: str | None
    dialect: Dialect
    owned_by: str | None = None
    plumbing: bool = False
    """True for the bundled model, under whatever name and by whomever it is served."""


def engine_url(url: str) -> str:
    """Normalise the URL of an engine: without `/v1`, a route after it, and a trailing slash.

    Raises:
        UsageError: If it is not the URL of an HTTP server, or holds a key.
    """
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        # Not repeated: a key may be in it, whatever else is wrong.
        raise UsageError("that is not the URL of an engine; write it like http://127.0.0.1:8000")
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not repeated in the message: this is where people put keys.
        raise UsageError(
            "the engine's URL may have only a host and a path; put a key into an environment variable "
            "(--api-key-env NAME, or api_key_env in the suite)."
        )
    path = re.sub(r"(/v1(/(chat/completions|completions|models))?|/metrics|/health)?/*$", "", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"


def ask_engine(url: str, *, model: str | None, api_key: str | None, api_key_env: str | None) -> EngineFacts:
    """Ask an engine what it serves, and choose the model.

    Args:
        url: As `engine_url` returns it.
        model: The model to use; None for the only one.
        api_key: The key, if one is needed.
        api_key_env: Name of the variable that holds the key, for the messages.

    Raises:
        EngineUnreachable: If nothing answers, or something that is not such a server.
        RequestRejected: If the key is missing or refused.
        UsageError: If the model is not served, or has to be chosen among several.
    """
    headers = authorization(api_key)
    with httpx.Client(headers=headers, timeout=_TIMEOUT_S, **http_options(url), event_hooks=body_limit()) as client:
        served = _served_models(client, url, api_key_env)
        version = _version(client, url)
        chosen = _choose(served, model, url)
        dialect = VLLM if _speaks_vllm(client, url, chosen, version) else PLAIN_OPENAI
    return EngineFacts(
        model=chosen.id,
        max_model_len=chosen.max_model_len,
        version=version,
        dialect=dialect,
        owned_by=chosen.owned_by,
        plumbing=_is_plumbing(chosen),
    )


def _speaks_vllm(client: httpx.Client, url: str, served: _ServedModel, version: str | None) -> bool:
    """Tell vLLM from other servers: by the owner of its models, its `/version`, or else by its counters.

    Others have a `/version` too (LocalAI), and name another owner.
    """
    if served.owned_by == "vllm" or (version is not None and served.owned_by is None):
        return True
    try:
        response = client.get(f"{url}{VLLM.metrics_route}")
    except httpx.HTTPError:
        return False
    return response.is_success and any(sample.name.startswith(PREFIX) for sample in read_samples(response.text))


def _is_plumbing(served: _ServedModel) -> bool:
    names = (served.id, re.split(r"[/\\]", (served.root or "").rstrip("/\\"))[-1])
    return any(PLUMBING_MODEL in name.lower() for name in names)


def _served_models(client: httpx.Client, url: str, api_key_env: str | None) -> list[_ServedModel]:
    try:
        response = client.get(f"{url}/v1/models")
    except httpx.TimeoutException as error:
        raise EngineUnreachable(
            f"the engine at {url} did not answer within {_TIMEOUT_S:.0f} s. Is it overloaded?"
        ) from error
    except BodyTooLong as error:
        raise EngineUnreachable(f"{url} is not an OpenAI-compatible server: {error}. Check the URL.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if (advice := _wrong_protocol(error, url)) is not None:
            raise EngineUnreachable(advice) from error
        raise EngineUnreachable(
            f"nothing answers at {url} ({_cause(error)}). Start the engine, check host and port, "
            "or omit --engine to use the embedded one."
        ) from error
    _refuse_status(response, url, api_key_env)
    try:
        return _ServedModels.model_validate_json(response.content).data
    except ValidationError as error:
        what = "but with a web page" if is_page(response) else "but not like an OpenAI-compatible server"
        raise EngineUnreachable(f"{url}/v1/models answers, {what}. {_RIGHT_URL}") from error


def _refuse_status(response: httpx.Response, url: str, api_key_env: str | None) -> None:
    status = response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        if api_key_env is None:
            advice = (
                "It needs a key: put it into an environment variable and give the name of the variable, "
                "with --api-key-env NAME or as the suite's api_key_env."
            )
        else:
            advice = f"It rejects the key in the environment variable {api_key_env}: check it."
        raise RequestRejected(f"the engine at {url} answered with HTTP {status}. {advice}")
    if status == httpx.codes.NOT_FOUND:
        raise EngineUnreachable(
            f"{url}/v1/models answered with HTTP 404: this server does not offer the OpenAI API there. {_RIGHT_URL}"
        )
    if response.is_redirect:
        raise EngineUnreachable(
            f"{url}/v1/models redirects to another address; redirects are not followed. {_RIGHT_URL}"
        )
    if status != httpx.codes.OK:
        raise EngineUnreachable(
            f"{url}/v1/models answered with HTTP {status}. Check that the engine is up and that this is its URL."
        )


def is_page(response: httpx.Response) -> bool:
    """Return whether a response is a page for people, as of a login, a web UI or a proxy."""
    return "html" in response.headers.get("content-type", "") or response.text.lstrip()[:1] == "<"


def _version(client: httpx.Client, url: str) -> str | None:
    """Return the version of vLLM; None on a server that does not say it."""
    try:
        response = client.get(f"{url}/version")
        return _Version.model_validate_json(response.content).version if response.is_success else None
    except (httpx.HTTPError, ValidationError):
        return None


def _choose(served: list[_ServedModel], model: str | None, url: str) -> _ServedModel:
    names = ", ".join(entry.id for entry in served) or "none"
    if model is not None:
        found = next((entry for entry in served if entry.id == model), None)
        if found is None:
            raise UsageError(f"the engine at {url} does not serve the model {model!r}. It serves: {names}.")
        return found
    if len(served) != 1:
        raise UsageError(f"the engine at {url} serves {len(served)} models; choose one with `model`: {names}.")
    return served[0]


def _wrong_protocol(error: Exception, url: str) -> str | None:
    """Say what to change where something answers, but http and https are confused or the certificate is not trusted."""
    cause = f"{url} answered, but not as expected ({_cause(error)})."
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{cause} If you trust its certificate, set the file of its certificate authority: SSL_CERT_FILE=ca.pem"
    if "SSL" in str(error):
        return f"{cause} If it uses plain HTTP, try http://{url.removeprefix('https://')}"
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        return f"{cause} If it uses HTTPS, try https://{url.removeprefix('http://')}"
    return None


def _cause(error: Exception) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
