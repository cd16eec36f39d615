"""Where the shards of an arm are answered: in processes on this machine, or on a Ray cluster."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from docmind_core.suites.plain_values import PlainText


class Executor(BaseModel):
    """What answers shards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["local", "ray"] = "local"
    address: PlainText | None = None
    """Of a running Ray cluster, HOST:PORT; by default that of RAY_ADDRESS, or the one on this machine."""


def _with_engine_for_all(executor: Executor, info: ValidationInfo) -> Executor:
    if executor.kind == "local" and executor.address is not None:
        raise ValueError("address is only valid with kind: ray")
    engine = info.data.get("engine", "http:")  # missing where it is wrong itself
    if executor.kind == "ray" and not engine.startswith(("http:", "https:")):
        raise ValueError("kind: ray needs an engine that all nodes can reach: set engine to its URL")
    return executor


SuiteExecutor = Annotated[Executor, AfterValidator(_with_engine_for_all)]
"""Comes after `engine` in a suite."""
