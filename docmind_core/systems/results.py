"""From what a system returned to its answer; the system's process uses it too: nothing of this project is imported."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

DEPTH_MAX = 12
_HISTORY = "{history}"


def plain(value: Any, depth: int = DEPTH_MAX) -> Any:
    """Return a value as plain data: messages, pydantic models and dataclasses become mappings."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if depth == 0:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain(entry, depth - 1) for entry in value]
    fields = _fields(value)
    return str(value) if fields is None else plain(fields, depth - 1)


def _fields(value: Any) -> Any:
    if callable(dump := getattr(value, "model_dump", None)):
        return dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def read_result(result: Any, answers: Sequence[str], sources: str | None) -> dict[str, Any]:
    """Return `answer`, the first text at one of the paths `answers`; `sources`, ids; and `keys`, what was there."""
    found = plain(result)
    if isinstance(found, str):
        return {"answer": found, "sources": None, "keys": []}
    import jmespath  # noqa: PLC0415 - a system that returns text does without

    texts = (as_text(jmespath.search(path, found)) for path in answers)
    ids = jmespath.search(sources, found) if sources else None
    return {
        "answer": next((text for text in texts if text is not None), None),
        "sources": [str(one) for one in ids if one is not None] if isinstance(ids, list) else None,
        "keys": sorted(found)[:20] if isinstance(found, dict) else [type(result).__name__],
    }


def as_text(value: Any) -> str | None:
    """Return a text, or the texts of a message's parts joined; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(part, str | Mapping) for part in value):
        parts = [part if isinstance(part, str) else part.get("text") for part in value]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts else None
    return None


def filled_in(template: Any, question: str, history: Sequence[Mapping[str, str]]) -> Any:
    """Return a graph's input: {question} in its texts, and the earlier messages where a list holds "{history}"."""
    if isinstance(template, Mapping):
        return {key: filled_in(entry, question, history) for key, entry in template.items()}
    if isinstance(template, list):
        whole: list[Any] = []
        for entry in template:
            whole += [dict(said) for said in history] if entry == _HISTORY else [filled_in(entry, question, history)]
        return whole
    if not isinstance(template, str):
        return template
    said = "\n".join(f"{message['role']}: {message['content']}" for message in history)
    texts = {"{question}": question, _HISTORY: said}
    # In one pass, so that a question which holds "{history}" stays what it is.
    return re.sub(r"\{(question|history)\}", lambda found: texts[found[0]], template)
