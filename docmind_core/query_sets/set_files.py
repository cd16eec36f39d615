"""The files of a query set: found, refused when they are not what they seem, and opened within bounds."""

import gzip
import io
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.problems import ProblemList

FILE_BYTES_MAX = 128 * 1024 * 1024
"""Of one file, unpacked. It bounds the time of reading, and how far a gzip bomb is unpacked."""


def find_set_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the file of each name, in order.

    Raises:
        QuerySetError: With every file that is not found, one a line.
    """
    found: list[Path] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append(find_set_file(folder, name))
        except QuerySetError as error:
            problems.append(str(error))
    if problems:
        raise QuerySetError("\n".join(problems))
    return found


def find_set_file(folder: Path, name: str) -> Path:
    """Return `folder/name` or `folder/name.gz`, whichever there is.

    Raises:
        QuerySetError: If neither is there, or both are, or if the folder may not be entered.
    """
    try:
        found = [path for path in (folder / name, folder / f"{name}.gz") if path.exists() or path.is_symlink()]
    except PermissionError as error:
        raise QuerySetError(
            f"{name}: the folder {folder} cannot be read: {error.strerror}; grant yourself read access"
        ) from error
    if not found:
        raise QuerySetError(
            f"the folder {folder} has no file {name}. A query set is a folder with documents.jsonl and queries.jsonl, "
            "each plain or as .jsonl.gz"
        )
    if len(found) > 1:
        raise QuerySetError(f"both {name} and {name}.gz exist; remove one")
    return found[0]


def opened(path: Path, problems: ProblemList) -> BinaryIO | None:
    """Open a file for reading its unpacked bytes; None after adding the problem that forbids it.

    What is opened is a regular file inside its folder and not larger than `FILE_BYTES_MAX`; a packed one is only
    opened here, the reader counts what comes out of it.
    """
    try:
        problem = _problem(path)
        if problem is None:
            return io.BufferedReader(gzip.open(path, "rb")) if is_packed(path) else path.open("rb")
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
    except RuntimeError:  # pathlib's word for it
        problem = "is a symbolic link to itself"
    problems.add(path.name, "", problem)
    return None


def is_packed(path: Path) -> bool:
    """Tell whether a file's name says that it is packed with gzip."""
    return path.suffix == ".gz"


def _problem(path: Path) -> str | None:
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        return "is a symbolic link to a file outside the folder; copy the file instead"
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        return "is a folder, not a file"
    if not stat.S_ISREG(status.st_mode):
        return "is a device or a pipe, not a file"
    if status.st_size > FILE_BYTES_MAX:
        return too_large(status.st_size)
    return None


def too_large(size: int | None = None) -> str:
    """Word the refusal of a file of `size` bytes, or of one that unpacks to more than the limit."""
    limit = f"{FILE_BYTES_MAX // 2**20} MiB"
    if size is None:
        return f"unpacks to more than {limit}, the limit; split the set, or check that the file is genuine"
    return f"has {size / 2**20:,.0f} MiB, the limit is {limit}; split the set"
