"""What is wrong with the text of a suite, one line a problem: `source:line: key: problem`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from docmind_core.errors import did_you_mean
from docmind_core.suites.executor import Executor
from docmind_core.suites.plain_values import KINDS, AlertOverride, Price
from docmind_core.suites.plain_yaml import Lines
from docmind_core.suites.systems import SystemSpec

PROBLEMS_SHOWN_MAX = 50
NOT_GIVEN = "?"
"""The query set of a suite that names none that is valid, while the rest of it is checked."""
_PARTS: Mapping[str, type[BaseModel]] = {
    "systems": SystemSpec,
    "alerts": AlertOverride,
    "price": Price,
    "executor": Executor,
}
"""The keys of a suite that hold keys of their own."""
_BY_NAME = ("limits", "alerts")
"""The keys whose entries are valid without each other."""


def problem_lines(source: str, errors: Sequence[Any], lines: Lines, suite_keys: Iterable[str]) -> str:
    """Return the problems, one a line, 50 at most; the rest is counted.

    Args:
        source: Names the text.
        errors: As pydantic lists them: `type`, `loc`, `msg` and `ctx`.
        lines: Where each key is.
        suite_keys: What a suite may have at its top.
    """
    found = [_line(source, problem, lines, tuple(suite_keys)) for problem in errors[:PROBLEMS_SHOWN_MAX]]
    hidden = len(errors) - PROBLEMS_SHOWN_MAX
    return "\n".join([*found, *([f"... and {hidden} more"] if hidden > 0 else [])])


def without_problems(content: Mapping[str, Any], errors: Sequence[Any]) -> dict[str, Any]:
    """Return a suite without the keys that are wrong, so that the others are checked in the same round."""
    valid = dict(content)
    for top, *below in (problem["loc"] for problem in errors if problem["loc"]):
        if below and top in _BY_NAME and isinstance(valid.get(top), Mapping):
            valid[top] = {name: value for name, value in valid[top].items() if name != below[0]}
        else:
            valid.pop(top, None)
    return {"name": "suite", "query_set": NOT_GIVEN, **valid}


def _line(source: str, problem: Any, lines: Lines, suite_keys: tuple[str, ...]) -> str:
    line = lines.of(problem["loc"])
    where = source if line is None else f"{source}:{line}"
    parts = (part for part in problem["loc"] if part not in KINDS)
    field = ".".join(ascii(str(part))[1:-1][:80] for part in parts) or "suite"
    return f"{where}: {field}: {_said(problem, suite_keys)}"


def _said(problem: Any, suite_keys: tuple[str, ...]) -> str:
    if problem["type"] != "extra_forbidden":
        return str(problem["msg"]).removeprefix("Value error, ")
    top, *below = problem["loc"]
    keys = tuple(_PARTS[top].model_fields) if below and top in _PARTS else suite_keys
    meant = did_you_mean(str(problem["loc"][-1]), keys)
    return f"unknown key.{meant}" if meant else f"unknown key. Known: {', '.join(sorted(keys))}"
