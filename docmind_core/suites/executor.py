"""Where the shards of an arm are answered: in processes on this machine, or on a Ray cluster."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from docmind_core.suites.plain_values import PlainText


class Executor(BaseModel):
    """What answers shards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["local", "ray"] = "local"
    address: PlainText | None = None
    """Of a running Ray cluster, HOST:PORT; by default that of RAY_ADDRESS, or the one on this machine."""
    storage: PlainText | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]*://")
    """URI of an object store's folder by which shards come and go; without it, nodes share DOCMIND_HOME."""


def _with_engine_for_all(executor: Executor, info: ValidationInfo) -> Executor:
    for name in ("address", "storage"):
        if executor.kind == "local" and getattr(executor, name) is not None:
            raise ValueError(f"{name} is only valid with kind: ray")
    engine = info.data.get("engine", "http:")  # missing where it is wrong itself
    if executor.kind == "ray" and not engine.startswith(("http:", "https:")):
        raise ValueError("kind: ray needs an engine that all nodes can reach: set engine to its URL")
    return executor


SuiteExecutor = Annotated[Executor, AfterValidator(_with_engine_for_all)]
"""Comes after `engine` in a suite."""
