"""How values of a record are read, whatever kind of file they come from: cells are texts, lists may be in one."""

import ast
import json
from collections.abc import Mapping

Record = Mapping[str, object]


def blank(value: object) -> bool:
    """Return whether a value says nothing: none, a text without words, NaN of an empty cell."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())  # noqa: PLR0124 - NaN


def written(value: object) -> str:
    """Return a value as a text; a whole number of a spreadsheet, 3.0, as 3."""
    if blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def texts_of(values: object) -> list[str]:
    """Return one text or a list of them, also nested, as a list without blanks and repeats."""
    if isinstance(values, list | tuple):
        return list(dict.fromkeys(text for value in values for text in texts_of(value)))
    return [] if blank(values) else [written(values).strip()]


def first_of(values: Mapping[str, object], *names: str) -> object:
    """Return the first value under these names that says something."""
    return next((values[name] for name in names if not blank(values.get(name))), None)


def dict_in(value: object) -> Record:
    """Return an object as it is, and an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def dicts_in(values: object) -> list[Record]:
    """Return the objects of a list; of an object of lists, as Hugging Face stores a list of objects, the objects."""
    if isinstance(values, Mapping):
        columns = {name: column for name, column in values.items() if isinstance(column, list)}
        length = min(map(len, columns.values()), default=0)
        return [{name: column[index] for name, column in columns.items()} for index in range(length)]
    return [item for item in values if isinstance(item, Mapping)] if isinstance(values, list) else []


def list_in(value: object) -> list[object]:
    """Return a list as it is, nothing for None, and any other value as the only item of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def python_list(text: object) -> list[object] | None:
    """Return the list that a text is as Python or JSON writes it; None where it is not a list."""
    if not isinstance(text, str) or not (text.strip().startswith("[") and text.strip().endswith("]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list):
            return found
    return None


def listed(value: object) -> list[object]:
    """Return the items of a list, also of one that a cell of a table has as text."""
    return list_in(value if (found := python_list(value)) is None else found)
