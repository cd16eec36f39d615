"""Turns any library's "disk full" error into one line of DocMind's own."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docmind_core.errors import DocMindError, RunError
from docmind_core.settings import Settings

FULL_BYTES = 2**20
"""With less free space than this, errors are attributed to the disk first."""

_QUOTA = re.compile(r"quota exceeded", re.IGNORECASE)
_FULL = re.compile(r"no space left|database or disk is full|disk is full|out of disk space", re.IGNORECASE)
_NEXT = "Free up disk space (docmind prune --keep N --dry-run shows what old runs take), then rerun with --resume."


def full_disk(settings: Settings, error: BaseException | None = None) -> str | None:
    """Return what to do when the disk of the home is full (space, inodes or quota); None if it is not.

    Args:
        settings: The home.
        error: What went wrong, if anything did: it knows of quotas, which no look at the disk shows.
    """
    home, folder = settings.home, nearest_folder(settings.home)
    causes = list(_causes(error)) if error is not None else []
    if any(_code(cause) == errno.EDQUOT or _QUOTA.search(str(cause)) for cause in causes):
        return f"your disk quota for {home} is used up. {_NEXT}"
    says_full = any(_code(cause) == errno.ENOSPC or _FULL.search(str(cause)) for cause in causes)
    free = shutil.disk_usage(folder).free
    # With room for bytes, "no space left" means that no further file can be made.
    if files_left(folder) == 0 and (free >= FULL_BYTES or not says_full):
        return f"the disk of {home} has no inodes left, so no files can be created. {_NEXT}"
    if says_full or free < FULL_BYTES:
        return f"the disk of {home} is full ({size_text(free)} free). {_NEXT}"
    return None


@contextmanager
def named_disk_errors(settings: Settings) -> Iterator[None]:
    """Convert any library's "disk full" error into a RunError.

    Raises:
        RunError: If the disk of the home has no room; what else goes wrong is raised as it is.
    """
    try:
        yield
    except DocMindError:
        raise
    except Exception as error:
        if (said := full_disk(settings, error)) is None:
            raise
        raise RunError(said) from error


def size_text(size: int) -> str:
    """Return how much room files take, for people and as `df -H` counts: `512 B`, `1.3 MB`, `340 MB`, `2 GB`."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.2g} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"


def files_left(folder: Path) -> int | None:
    """Return how many more files the file system takes; None where it has no such limit."""
    found = os.statvfs(folder)
    return found.f_favail if found.f_files else None


def nearest_folder(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _code(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _causes(error: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[BaseException]:
    """Yield an error and all that it was raised from; libraries wrap what the system said in errors of their own."""
    if id(error) in seen:
        return
    yield error
    seen |= {id(error)}
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for cause in (error.__cause__, error.__context__, *inner):
        if cause is not None:
            yield from _causes(cause, seen)
