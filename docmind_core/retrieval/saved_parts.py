"""Parts of an index on disk: each a folder that is there whole or not at all, and known to be undamaged."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from docmind_core.errors import RetrievalError

CHECKSUMS_FILE = "checksums.json"

Part = TypeVar("Part")


def open_part(
    folder: Path,
    name: str,
    *,
    build: Callable[[Path], None],
    load: Callable[[Path], Part],
    announce: Callable[[str], None],
) -> Part:
    """Load the part `name` of the index in `folder`; build it first when it is missing or damaged.

    Args:
        folder: The folder of the index; it is made when missing.
        name: The part's folder in it.
        build: Writes the part's files, without folders, into the empty folder it is given.
        load: Reads what `build` wrote.
        announce: Called with one line when a damaged part is built again.
    """
    part = folder / name
    try:
        if part.exists() and (damage := _damage(part)):
            announce(f"the saved index {part} is damaged ({damage}); rebuilding it")
            shutil.rmtree(part)
        if not part.exists():
            _build_aside(part, build)
    except OSError as error:
        raise RetrievalError(
            f"the index {part} can't be saved: {error.strerror or error}. Free up disk space, or change DOCMIND_HOME"
        ) from error
    return load(part)


def _build_aside(part: Path, build: Callable[[Path], None]) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(part)
    aside = part.with_name(f"{part.name}.{os.getpid()}.tmp")
    aside.mkdir()
    try:
        build(aside)
        checksums = {file.name: _checksum(file) for file in sorted(aside.iterdir())}
        (aside / CHECKSUMS_FILE).write_text(json.dumps(checksums, indent=1), encoding="utf-8")
        aside.rename(part)
    except OSError:
        # Another process that built the same part at the same time has come first; its files are as good.
        if not part.exists():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove_leftovers(part: Path) -> None:
    for leftover in part.parent.glob(f"{part.name}.*.tmp"):
        pid = leftover.name.split(".")[-2]
        if pid == str(os.getpid()) or not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(leftover, ignore_errors=True)


def _damage(part: Path) -> str | None:
    try:
        checksums = json.loads((part / CHECKSUMS_FILE).read_text(encoding="utf-8"))
        changed = [name for name, checksum in checksums.items() if _checksum(part / name) != checksum]
    except (OSError, ValueError, AttributeError) as error:
        return str(error)
    return f"{changed[0]} has changed" if changed else None


def _checksum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
