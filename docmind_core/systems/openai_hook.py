"""Names, in the requests of OpenAI's Python client, the question and the LangGraph agent that they are made for.

A client that was built once for all questions does not know them. The hook is a convenience: where a version of the
client no longer has this method, its calls are unattributed, which the run counts and says. Nothing of this project is
imported here, and the user's packages only when the user imports them.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

_CLIENT = "openai._base_client"
_AGENT, _NODE, _CHECKPOINT = "x-docmind-agent", "x-docmind-node", "x-docmind-checkpoint-ns"


def attribute_calls(run_path: str, query_token: Callable[[], str | None]) -> None:
    """Let each request that OpenAI's client builds from now on say whose it is; before anything imports the client.

    Args:
        run_path: Path of the base URL that is the same for all questions.
        query_token: Returns the token of the question that the caller works on, if any.
    """

    def hook(module: ModuleType) -> None:
        with suppress(Exception):
            client: Any = module.BaseClient
            build = client._build_request  # noqa: SLF001 - the one place that every request of every client passes

            def build_attributed(self: Any, *arguments: Any, **options: Any) -> Any:
                request = build(self, *arguments, **options)
                with suppress(Exception):
                    _attribute(request, run_path, query_token())
                return request

            client._build_request = build_attributed  # noqa: SLF001

    sys.meta_path.insert(0, _WhenImported(hook))


class _WhenImported(importlib.abc.MetaPathFinder):
    """Calls `hook` with the module of OpenAI's client when it has been imported."""

    def __init__(self, hook: Callable[[ModuleType], None]) -> None:
        self._hook = hook

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _CLIENT:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load, hook = spec.loader.exec_module, self._hook

            def load_and_hook(module: ModuleType) -> None:
                load(module)
                hook(module)

            spec.loader.exec_module = load_and_hook  # type: ignore[method-assign]
        return spec


def _attribute(request: Any, run_path: str, token: str | None) -> None:
    path = request.url.path
    if token and path.startswith(f"{run_path}/v1/"):
        request.url = request.url.copy_with(path=f"{run_path}/q/{token}{path.removeprefix(run_path)}")
    for name, value in _caller().items():
        if value and name not in request.headers and value.isascii():
            request.headers[name] = value


def _caller() -> dict[str, str]:
    """Return what LangGraph knows of the code that runs now; empty outside a graph."""
    langgraph: Any = sys.modules.get("langgraph.config")
    if langgraph is None:
        return {}
    found = langgraph.get_config().get("metadata") or {}
    namespace = str(found.get("checkpoint_ns") or found.get("langgraph_checkpoint_ns") or "")
    node = str(found.get("langgraph_node") or "")
    # Without a name of its own an agent is known by the node of the outer graph that it works in.
    agent = str(found.get("lc_agent_name") or re.split("[|:]", namespace, maxsplit=1)[0] or node)
    return {_AGENT: agent, _NODE: node, _CHECKPOINT: namespace}
