"""A suite with what the command line or the form of the web UI says instead."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from docmind_core.agents.levers import AGAIN
from docmind_core.errors import UsageError
from docmind_core.measurements.times import BLOCKS_MIN
from docmind_core.suites.suite import Suite


def changed_suite(suite: Suite, changes: Mapping[str, object]) -> Suite:
    """Return `suite` with other values, validated again.

    Raises:
        UsageError: If they don't fit; each is named as an option.
    """
    values = dict(changes)
    if isinstance(arms := values.get("arms"), str):
        names = [name.strip() for name in arms.split(",") if name.strip()]
        values |= {"arms": names, "systems": _systems_of(suite, names)}
    if (arm := values.pop("aa", None)) is not None:
        values |= {"arms": [str(arm), f"{arm}{AGAIN}"], "blocks": max(suite.blocks, BLOCKS_MIN)}
        values["systems"] = _systems_of(suite, [str(arm)])
    if "strategy" in values:
        values["strategies"] = [values["strategy"]]
    try:
        return Suite.model_validate({**suite.model_dump(), **values})
    except ValidationError as error:
        problems = (
            ": ".join([*(option_of(name) for name in problem["loc"][:1]), problem["msg"]]) for problem in error.errors()
        )
        raise UsageError("; ".join(problems).replace("Value error, ", "")) from error


def _systems_of(suite: Suite, arms: Sequence[str]) -> dict[str, object]:
    """Return the systems that are asked for: any other in the suite would be added to the arms."""
    return {name: spec for name, spec in suite.systems.items() if name in {arm.removesuffix(AGAIN) for arm in arms}}


def option_of(field: object) -> str:
    """Return the option of `docmind bench` that sets a field of the suite."""
    return f"--{field}".replace("_", "-")
