"""The pinned baselines of a home: one run per suite and arm, in `baselines.yaml`, and copied into the database."""

import fcntl
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.suites.plain_yaml import PlainYamlError, read_plain_yaml, write_plain_yaml
from docmind_core.tables.segments import replace_durably


class Baseline(BaseModel):
    """The run that later runs of a suite and arm are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    arm: str
    run_id: str
    reason: str
    pinned_at: AwareDatetime


_LIST = TypeAdapter(tuple[Baseline, ...])


def baselines_path(settings: Settings) -> Path:
    """Return where the pinned baselines of a home are."""
    return settings.home / "baselines.yaml"


def read_baselines(settings: Settings) -> tuple[Baseline, ...]:
    """Return the pinned baselines, by suite and arm; none where nothing was ever pinned.

    Raises:
        StoreError: If the file can't be read.
    """
    path = baselines_path(settings)
    if not path.exists():
        return ()
    try:
        content, _ = read_plain_yaml(path.read_text("utf-8"))
        return _LIST.validate_python(content or ())
    except (OSError, UnicodeDecodeError, PlainYamlError, ValidationError) as error:
        problem = str(error).splitlines()[0]
        raise StoreError(f"{path}: damaged ({problem}). Restore the file, or delete it and pin again.") from error


def change_baselines(settings: Settings, change: Callable[[tuple[Baseline, ...]], Sequence[Baseline]]) -> None:
    """Replace the pinned baselines by what `change` makes of them; other processes that do so wait.

    Raises:
        StoreError: If the file can't be read.
    """
    settings.make_home()
    descriptor = os.open(settings.home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        changed = sorted(change(read_baselines(settings)), key=lambda one: (one.suite, one.arm))
        target = baselines_path(settings)
        part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        part.write_text(write_plain_yaml([_plain(one) for one in changed]), "utf-8")
        replace_durably(part, target)
    finally:
        os.close(descriptor)


def copy_baselines(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Fill the table of baselines; where the file can't be read it is empty, and who needs it hears of it."""
    connection.execute("delete from baselines")
    try:
        found = read_baselines(settings)
    except StoreError:
        return
    for one in found:
        values = [one.suite, one.arm, one.run_id, one.reason, one.pinned_at]
        connection.execute("insert into baselines values (?, ?, ?, ?, ?)", values)


def pinned_now(suite: str, arm: str, run_id: str, reason: str) -> Baseline:
    """Return a baseline that is pinned at this moment."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Baseline(suite=suite, arm=arm, run_id=run_id, reason=reason, pinned_at=now)


def _plain(baseline: Baseline) -> dict[str, str]:
    return baseline.model_dump(mode="json")
