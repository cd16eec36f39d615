"""Plug-ins: objects out of a user's file, an installed module, or an entry point of the group `docmind_eval`."""

import contextlib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from docmind_core.errors import UsageError, did_you_mean

GROUP = "docmind_eval"
"""Entry points of an installed distribution that a suite may name in one word."""
_FORMS = f"Write file.py:name, package.module:name, or the name of an entry point of the group {GROUP}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What a reference names."""

    reference: str
    loaded: Any
    sha256: str
    """Of the file, or of all Python files of the package: what a run was made with."""


def load_plugin(reference: str) -> Plugin:
    """Load `file.py:name`, `package.module:name`, or the entry point called `reference`; this runs the user's code.

    A file is loaded alone: it may import what is installed, not what lies next to it. What it prints goes to stderr.

    Raises:
        UsageError: In one line, if there is no such file, module or name, or if loading it fails.
    """
    where, _, name = reference.rpartition(":")
    if not where:
        where, name = _entry_point(reference)
    if where.endswith(".py"):
        where = str(Path(where).expanduser())
    try:
        module, sha256 = _loaded(where)
    except (Exception, SystemExit) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{reference} can't be loaded: {described(error, where)}") from error
    return Plugin(reference=reference, loaded=_attribute(module, where, name), sha256=sha256)


def installed_plugins() -> tuple[str, ...]:
    """Return the names of the entry points of the group, sorted; nothing is loaded."""
    return tuple(sorted({point.name for point in metadata.entry_points(group=GROUP)}))


def absolute_reference(reference: str, folder: Path) -> str:
    """Return a reference that names the same from everywhere: a relative path of a file is taken from `folder`."""
    where, colon, name = reference.partition(".py:")
    path = folder / f"{where}.py"
    return f"{path.resolve()}:{name}" if colon and _is_there(path) else reference


def reader_of(query_set: str) -> tuple[str, str] | None:
    """Return the reader and the path of `my_reader.py:read:folder` or `hotpot:dev.json`; None of any other text."""
    reference, colon, path = query_set.rpartition(":")
    return (reference, path) if colon and reference and path and not _is_there(Path(query_set)) else None


def absolute_query_set(query_set: str, folder: Path) -> str:
    """Return a query set that is the same from everywhere: relative paths that are there are taken from `folder`."""
    if _is_there(folder / query_set):
        return str((folder / query_set).resolve())
    named = reader_of(query_set)
    if named is None:
        return query_set
    path = (folder / named[1]).resolve() if _is_there(folder / named[1]) else named[1]
    return f"{absolute_reference(named[0], folder)}:{path}"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that is closed
        return False


def described(error: BaseException, file: str = "") -> str:
    """Return an error in one line: its class, its text, and the line of `file` that it comes from."""
    text = " ".join(str(error).split())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{type(error).__name__}{f': {text}' if text else ''}{f' (line {line})' if line else ''}"


def _entry_point(name: str) -> tuple[str, str]:
    found = list(metadata.entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(installed_plugins()) or "none"
        raise UsageError(f"{name!r} is not an entry point of the group {GROUP} (installed: {known}). {_FORMS}.")
    if len({point.value for point in found}) > 1:
        values = " and ".join(sorted(point.value for point in found))
        raise UsageError(f"{name!r} matches both {values}. Write package.module:name.")
    return found[0].module, found[0].attr


def _loaded(where: str) -> tuple[ModuleType, str]:
    if not where.endswith(".py"):
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(where), _package_hash(where.partition(".")[0])
    try:
        source = Path(where).read_bytes()
    except OSError as error:
        raise UsageError(f"{where} can't be read: {error.strerror}. {_FORMS}.") from error
    return _module(where, source), hashlib.sha256(source).hexdigest()


class _Source(SourceLoader):
    """Compiles the very bytes that were hashed: a cached file of bytecode may be older."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path, self._source = path, source

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        return self._source


@cache
def _module(path: str, source: bytes) -> ModuleType:
    name = f"docmind_plugin_{hashlib.sha256(path.encode() + source).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(path, source))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _package_hash(name: str) -> str:
    """Return the sha256 over the Python files of a top-level package or module."""
    spec = importlib.util.find_spec(name)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    if not files and spec and spec.origin:
        files = [Path(spec.origin)]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _attribute(module: ModuleType, where: str, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [known for known in vars(module) if not known.startswith("_")]
            hint = did_you_mean(name, names) or f" It has: {', '.join(names[:10]) or 'nothing'}"
            raise UsageError(f"{where} has no {name!r}.{hint}")
        found = getattr(found, part)
    return found
