"""The kinds of value that a suite holds, strict about what YAML would take for another one."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

PlainText = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,1000}$")]
"""A name, a path or a URL: no control characters, which a terminal would obey."""


_TOLD = re.compile(r"[-+.0-9]{1,20}|yes|no|on|off|true|false", re.IGNORECASE)
"""Texts that an error may repeat; any other may be a key that stands in the wrong place."""


def _text(value: str) -> str:
    return f"the text {value!r}; write it without quotes" if _TOLD.fullmatch(value) else "text"


def _number(value: object) -> object:
    """Refuse what pydantic would take for a number: YAML reads `yes` and `on` as true, and true would be 1."""
    if isinstance(value, bool):
        raise _other_kind("a number", str(value).lower())
    if isinstance(value, str):
        raise _other_kind("a number", _text(value))
    return value


def _switch(value: object) -> object:
    if isinstance(value, str):
        raise _other_kind("true or false", _text(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise _other_kind("true or false", f"the number {value}")
    return value


def _other_kind(wanted: str, given: str) -> PydanticCustomError:
    return PydanticCustomError("other_kind", "should be {wanted}, not {given}", {"wanted": wanted, "given": given})


Count = Annotated[int, BeforeValidator(_number)]
Measure = Annotated[float, BeforeValidator(_number)]
Switch = Annotated[bool, BeforeValidator(_switch)]
