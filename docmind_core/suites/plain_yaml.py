"""YAML as far as a suite needs it: plain data, each key once, and the line that each value stands on."""

import datetime
from collections.abc import Sequence
from typing import Any

import yaml

DEPTH_MAX = 20


class PlainYamlError(Exception):
    """The text is no plain YAML; carries the line, from 1, where one is to blame."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.line = line


def read_plain_yaml(text: str) -> tuple[Any, "Lines"]:
    """Return the content of a YAML text, and where its parts stand.

    Raises:
        PlainYamlError: Not YAML, or more than plain data: aliases (they can blow up to gigabytes), tags, keys that
            stand twice, nesting beyond `DEPTH_MAX`.
    """
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), Lines(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PlainYamlError(_one_line(error.problem or str(error)), mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise PlainYamlError(f"U+{ord(text[error.position]):04X} may not stand in YAML", line) from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise PlainYamlError(_one_line(str(error)), None) from error


class Lines:
    """On which line of a YAML text each part stands."""

    def __init__(self, root: yaml.Node | None) -> None:
        """Remember the tree that the text was read into."""
        self._root = root

    def of(self, path: Sequence[str | int]) -> int | None:
        """Return the line, from 1, of the deepest part on the way to `path`; None for an empty text."""
        node = self._root
        if node is None:
            return None
        line = node.start_mark.line + 1
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark.line + 1, child
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


class _PlainLoader(yaml.SafeLoader):
    """Builds strings, numbers, booleans, null, lists and mappings with string keys; refuses everything else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed in a suite", mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.composer.ComposerError(None, None, "tags are not allowed in a suite", mark)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            too_deep = f"nested deeper than {DEPTH_MAX} levels"
            raise yaml.composer.ComposerError(None, None, too_deep, mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value[:80]!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # an endless number, or a day that is not in the calendar
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error
        if isinstance(value, datetime.date):
            raise yaml.constructor.ConstructorError(None, None, "a date; put it in quotes", node.start_mark)
        return value
