"""Where the shards of an arm are answered: in processes on this machine, or on a Ray cluster."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from docmind_core.errors import SettingsError
from docmind_core.suites.plain_values import AUTO, PlainText
from docmind_core.suites.plain_yaml import PlainYamlError, read_plain_yaml


class Executor(BaseModel):
    """What answers shards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["local", "ray"] = "local"
    address: PlainText | None = None
    """Of a running Ray cluster, HOST:PORT; by default that of RAY_ADDRESS, or the one on this machine."""
    storage: PlainText | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]*://")
    """URI of an object store's folder by which shards come and go; without it, nodes share DOCMIND_HOME."""


def read_executor(text: str, engine: str, concurrency: int | Literal["auto"]) -> Executor:
    """Read what the environment says, written as in a suite: `{kind: ray, address: "head:6379"}`.

    Raises:
        SettingsError: If that is not an executor, or not one for the engine and the concurrency of a suite.
    """
    try:
        content, _ = read_plain_yaml(text)
        return _fit_for(Executor.model_validate(content), engine, concurrency)
    except ValidationError as error:
        parts = [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        problem = "; ".join(f"{name}: {said}" if name else said for name, said in parts)
    except (PlainYamlError, ValueError) as error:
        problem = str(error)
    raise SettingsError(f"the environment variable DOCMIND_EXECUTOR: {problem}")


def _fit_for(executor: Executor, engine: str, concurrency: int | Literal["auto"]) -> Executor:
    for name in ("address", "storage"):
        if executor.kind == "local" and getattr(executor, name) is not None:
            raise ValueError(f"{name} is only valid with kind: ray")
    if executor.kind == "ray" and not engine.startswith(("http:", "https:")):
        raise ValueError("kind: ray needs an engine that all nodes can reach: set engine to its URL")
    if executor.kind == "ray" and concurrency == AUTO:
        raise ValueError("kind: ray needs a fixed concurrency: set a number instead of auto")
    return executor


def _with_engine_for_all(executor: Executor, info: ValidationInfo) -> Executor:
    # Either is missing where it is wrong itself.
    return _fit_for(executor, info.data.get("engine", "http:"), info.data.get("concurrency", 1))


SuiteExecutor = Annotated[Executor, AfterValidator(_with_engine_for_all)]
"""Comes after `engine` and `concurrency` in a suite."""
