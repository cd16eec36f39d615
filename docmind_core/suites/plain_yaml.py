"""YAML as far as a suite needs it: plain data, each key once, and the line of each value."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

DEPTH_MAX = 20

# Numbers, switches and nothing as YAML 1.2 and JSON write them; all other words are text.
_TAGS = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "null": re.compile(r"~|null|Null|NULL|"),
}
_NUMBER_LIKE = re.compile(
    r"[-+]?(0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[0-9]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|[0-9]+\.[0-9]*_[0-9_]*|\.(inf|Inf|INF|nan|NaN|NAN))"
)
_SWITCHES = {**dict.fromkeys(("yes", "on", "y"), "true"), **dict.fromkeys(("no", "off", "n"), "false")}
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


class PlainYamlError(Exception):
    """The text is not plain YAML; carries the line, from 1, where one is to blame."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.line = line


def read_plain_yaml(text: str) -> tuple[Any, "Lines"]:
    """Return the content of a YAML text, and the lines of its parts.

    Raises:
        PlainYamlError: Not YAML, or more than plain data: aliases (they can blow up to gigabytes), tags, keys that
            are there twice, nesting beyond `DEPTH_MAX`, and what YAML 1.1 takes for another number or switch than it
            looks like: `010`, `1:30`, `1_000`, `0x1F`, `.inf`, `yes`, a date.
    """
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), Lines(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _one_line(error.problem or str(error))
        said = problem if isinstance(error, _AmbiguousError) else f"not valid YAML: {problem}"
        raise PlainYamlError(said, mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        said = f"not valid YAML: U+{ord(text[error.position]):04X} is not allowed"
        raise PlainYamlError(said, line) from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise PlainYamlError(f"not valid YAML: {_one_line(str(error))}", None) from error


def write_plain_yaml(value: Any) -> str:
    """Return the YAML that `read_plain_yaml` reads `value` from."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


class _PlainDumper(yaml.SafeDumper):
    """Puts every text in quotes that some reader of YAML takes for something else."""


def _quoted_if_ambiguous(dumper: _PlainDumper, text: str) -> yaml.ScalarNode:
    doubtful = _ambiguous(text) or any(pattern.fullmatch(text) for pattern in _TAGS.values())
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if doubtful else None)


_PlainDumper.add_representer(str, _quoted_if_ambiguous)


class Lines:
    """The line of each part of a YAML text."""

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


class _AmbiguousError(yaml.MarkedYAMLError):
    """A word that YAML 1.1 and its writer may read in two ways."""


def _ambiguous(word: str) -> str | None:
    """Say how to write a word without quotes that YAML 1.1 reads as something else than it looks like."""
    text = f"or '{word}' in quotes if it is text"
    if switch := _SWITCHES.get(word.lower()):
        return f"{word} is ambiguous in YAML ({switch} or text): write {switch}, {text}"
    if _DATE.fullmatch(word):
        return f"{word} is ambiguous in YAML (a date or text): write '{word}' in quotes"
    if not _NUMBER_LIKE.fullmatch(word):
        return None
    if word.lower().lstrip("+-") in (".inf", ".nan"):
        return f"{word} is not a finite number: write one, {text}"
    return f"{word} is ambiguous in YAML (not the same number everywhere): write {_decimal(word)}, {text}"


def _decimal(word: str) -> str:
    """Return how a number is written so that all read the same."""
    sign, plain = "-" * word.startswith("-"), word.lower().replace("_", "").lstrip("+-")
    if ":" in plain:
        return "one decimal number (1:30 is 90 to some)"
    if plain[:2] in ("0x", "0o", "0b"):
        return f"{sign}{int(plain, 0)}"
    digits = plain.lstrip("0")
    return sign + (digits if digits[:1].isdigit() else f"0{digits}")


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
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            if problem := _ambiguous(node.value):
                raise _AmbiguousError(None, None, problem, node.start_mark)
            kind = next((kind for kind, pattern in _TAGS.items() if pattern.fullmatch(node.value)), "str")
            node.tag = f"tag:yaml.org,2002:{kind}"
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value[:80]!r}", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # a number of thousands of digits
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error
