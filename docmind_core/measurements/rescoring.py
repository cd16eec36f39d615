"""Scoring a finished benchmark run again: with newer scorers, or with other limits, and without a call of a model."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import Path

from docmind_core.errors import RunError, UsageError
from docmind_core.measurements.ablation import measure_levers
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.noise_floor import measure_noise
from docmind_core.measurements.run_comparison import compare_with_baselines
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import (
    read_frozen_suite,
    read_source_suite,
    replace_frozen_suite,
    resume_command,
)
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.scorers import with_own_metrics
from docmind_core.suites.suite import Suite
from docmind_core.tables.columns import Column, read_coded
from docmind_core.tables.publish import publish
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import (
    packed_path,
    read_batches,
    read_parts,
    run_ids_of,
    segment_path,
    sync_folder,
    update_segment,
    write_segment,
)

JUDGING_KEYS = ("limits", "min_n", "alerts", "metrics", "claim_without_ledger")
"""Keys of a suite that judge answers without affecting them, so they may change for a finished run."""
SCHEDULING_KEYS = ("schedule", "timezone", "channels")
"""Keys that set when a suite runs and who is notified."""
KEPT = {"measurements": ("value", "missing_because", "scorer_version"), "limit_results": ()}
"""Tables whose replaced rows are kept, and the columns in which a row differs then: any, where none is named."""
Key = tuple[object, ...]
Row = Mapping[str, object]
_PART = {"measurements": "metric", "limit_results": "limit_name"}
"""A column of the key by whose values the rows of a table are compared in parts."""
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """What scoring a run again has changed."""

    rows: int
    """Scores now."""
    changed: Mapping[str, int]
    """How many scores of each metric are other than before, or new."""
    kept: Mapping[str, int]
    """By table, how many earlier rows went to `earlier_<table>`."""
    suite_keys: tuple[str, ...]
    """Keys of the suite whose new values now judge the run."""


def rescore_run(settings: Settings, benchmark_run: str, newer: Suite | None = None) -> Rescored:
    """Score all arms of a finished benchmark run again, and recompute everything derived from the scores.

    Scores that change are kept in `earlier_measurements` with the version of their formula, limits that come out
    otherwise in `earlier_limit_results`; both with the time, which is the same for what changed together. Answers,
    tokens and times stay as they are, and alerts are not evaluated again.

    Args:
        settings: The home; hold its lock.
        benchmark_run: Its key.
        newer: The suite with the limits, or the user's metrics, to judge by from now on; None for the frozen one.

    Raises:
        UsageError: If there is no such run, or if `newer` differs in more than how answers are judged.
        SuiteError: If a scorer of `newer` can't be loaded.
        RunError: If an arm has not finished.
        StoreError: If the query set has changed since.
    """
    suite = read_frozen_suite(settings, benchmark_run)
    changed_keys: tuple[str, ...] = ()
    run_ids = [run_id_of(benchmark_run, arm) for arm in suite.arms]
    if missing := [run_id for run_id in run_ids if run_id not in run_ids_of(settings.tables, benchmark_run)]:
        raise RunError(f"run {missing[0]} is not finished. Finish it: {resume_command(settings, benchmark_run)}")
    if newer is not None:
        suite, changed_keys = _judged_by(suite, read_source_suite(settings, benchmark_run), with_own_metrics(newer))
    changed: Counter[str] = Counter()
    with _as_before(settings, benchmark_run, run_ids) as before:
        rows = score_benchmark_run(settings, benchmark_run, load_query_set(suite.query_set), suite.defined_metrics)
        for run_id in run_ids if "metrics" in changed_keys else ():
            _declare(settings, run_id, suite)
        _measure_again(settings, benchmark_run, suite)
        moment = datetime.fromtimestamp(before.stat().st_mtime, UTC)
        kept = {
            table: sum(_keep(settings, before, table, run_id, changed, moment) for run_id in run_ids) for table in KEPT
        }
    if changed_keys:
        replace_frozen_suite(settings, benchmark_run, suite)
    publish(settings)
    return Rescored(rows=rows, changed=dict(sorted(changed.items())), kept=kept, suite_keys=changed_keys)


@contextmanager
def _as_before(settings: Settings, benchmark_run: str, run_ids: Sequence[str]) -> Iterator[Path]:
    """Yield a folder of segments with the tables of `KEPT` as they were before the block.

    It stays until a block has ended well: when the process is killed, the next rescoring still knows what was replaced.
    """
    folder = settings.benchmarks / benchmark_run / "before-rescoring"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for table in KEPT:
            (part / table).mkdir(parents=True)
            for path in {
                place(settings.tables, table, one) for one in run_ids for place in (segment_path, packed_path)
            }:
                with suppress(FileNotFoundError):
                    (part / table / path.name).hardlink_to(path)
        part.rename(folder)
        sync_folder(folder.parent)
    yield folder
    shutil.rmtree(folder)


def _measure_again(settings: Settings, benchmark_run: str, suite: Suite) -> None:
    """Write what rests on the scores."""
    compare_arms(settings, benchmark_run, suite)
    compare_times(settings, benchmark_run)
    compare_with_baselines(settings, benchmark_run)
    measure_noise(settings, benchmark_run)
    write_limits(settings.tables, benchmark_run, suite)
    measure_levers(settings, benchmark_run)


def _judged_by(frozen: Suite, source: Suite, newer: Suite) -> tuple[Suite, tuple[str, ...]]:
    """Return the frozen suite with the judging keys of a newer one, and those that differ from the frozen ones."""
    was, file, now = (suite.model_dump(mode="json") for suite in (frozen, source, newer))
    other = [name for name in now if file[name] != now[name] and name not in {*JUDGING_KEYS, *SCHEDULING_KEYS}]
    if other:
        raise UsageError(
            f"the suite differs from the run's suite in {', '.join(other)}, which would change the answers. "
            f"Start a new run, or change only {', '.join(JUDGING_KEYS)}"
        )
    judged = frozen.model_copy(update={name: getattr(newer, name) for name in JUDGING_KEYS})
    return judged, tuple(name for name in JUDGING_KEYS if was[name] != now[name])


def _declare(settings: Settings, run_id: str, suite: Suite) -> None:
    """Write the user's metrics into the manifest of a run: comparisons and reports read there what they are."""
    metrics = suite.model_dump(mode="json")["metrics"]

    def declared(row: Mapping[str, object]) -> dict[str, object]:
        manifest = json.loads(str(row["manifest"] or "{}"))
        manifest["suite"] = {**manifest.get("suite", {}), "metrics": metrics}
        written = {**row, "manifest": json.dumps(manifest, sort_keys=True)}
        return {name: _in_utc(value) for name, value in written.items()}

    update_segment(settings.tables, "runs", run_id, lambda rows: [declared(row) for row in rows])


def _keep(settings: Settings, before: Path, table: str, run_id: str, changed: Counter[str], moment: datetime) -> int:
    """Move the rows that were replaced by others to the table `earlier_<table>`; return how many."""
    gone, earlier, count = _gone(settings, before, table, run_id, changed), f"earlier_{table}", 0
    first = next(gone, None)
    if first is None:
        return 0

    def rows() -> Iterator[Row]:
        nonlocal count
        for part in read_parts(settings.tables, earlier, run_id, tuple(TABLES[earlier].columns)):
            dated = ({**row, "replaced_at": _in_utc(row["replaced_at"])} for row in part)
            yield from (row for row in dated if row["replaced_at"] != moment)  # those of a rescoring that was killed
        for row in chain((first,), gone):
            count += 1
            yield {**row, "replaced_at": moment}

    write_segment(settings.tables, earlier, run_id, rows())
    return count


def _gone(settings: Settings, before: Path, table: str, run_id: str, changed: Counter[str]) -> Iterator[Row]:
    """Yield the rows that are gone or otherwise now; count those that are new or otherwise."""
    by, folders = _PART[table], (before, settings.tables)
    differing = _differing(folders, table, run_id)
    if differing == set():
        return
    for part in _parts([read_coded(folder, table, run_id, (by,))[by] for folder in folders], differing):
        was, now = (_said(folder, table, run_id, (by, part)) for folder in folders)
        if table == "measurements":
            at = TABLES[table].key.index(by)
            changed.update(str(key[at]) for key, said in now.items() if _differ(was.get(key), said))
        gone = {key for key, said in was.items() if _differ(said, now.get(key))}
        if gone:
            for rows in read_parts(before, table, run_id, tuple(TABLES[table].columns)):
                yield from (row for row in rows if _key(table, row) in gone)


def _differing(folders: Sequence[Path], table: str, run_id: str) -> set[str] | None:
    """Return the values of a table's part whose rows differ; None where the keys are others or in another order."""
    import pyarrow.compute as pc

    found, key, by = set[str](), list(TABLES[table].key), _PART[table]
    said = KEPT[table] or tuple(TABLES[table].columns)
    sides = (read_batches(folder, table, run_id, (*key, *said)) for folder in folders)
    for was, now in zip_longest(*sides):
        if was is None or now is None or not was.schema.equals(now.schema):
            return None
        if was.equals(now):
            continue
        if not was.select(key).equals(now.select(key)):
            return None
        for name in set(said) & set(was.schema.names):
            neither = pc.and_(pc.is_null(was[name]), pc.is_null(now[name]))
            same = pc.or_(neither, pc.fill_null(pc.equal(was[name], now[name]), fill_value=False))
            found.update(now[by].filter(pc.invert(same)).unique().to_pylist())
    return found


def _parts(sides: Sequence[Column], among: Collection[str] | None) -> Iterator[list[str]]:
    """Yield values of a column that together have few rows; those of `among` alone, unless it is None."""
    counts: Counter[str] = Counter()
    for side in sides:
        rows = {str(value): len(at) for value, at in side.by_value().items()}
        counts.update({value: count for value, count in rows.items() if among is None or value in among})
    part, size = list[str](), 0
    for value, count in sorted(counts.items()):
        if part and size + count > _ROWS_AT_ONCE:
            yield part
            part, size = [], 0
        part, size = [*part, value], size + count
    if part:
        yield part


def _said(folder: Path, table: str, run_id: str, where: tuple[str, Sequence[str]]) -> dict[Key, Key]:
    """Return by key what rows say in the columns that count."""
    key, said = TABLES[table].key, KEPT[table] or tuple(TABLES[table].columns)
    columns = read_coded(folder, table, run_id, tuple(dict.fromkeys((*key, *said))), where=where)
    keys, values = (zip(*(columns[name] for name in names), strict=True) for names in (key, said))
    return dict(zip(keys, values, strict=True))


def _key(table: str, row: Mapping[str, object]) -> Key:
    return tuple(row[name] for name in TABLES[table].key)


def _differ(was: Key | None, now: Key | None) -> bool:
    """Whether two rows of one key say something else; the last digits of a number are rounding."""
    if was is None or now is None:
        return True
    for first, second in zip(was, now, strict=True):
        if isinstance(first, float) and isinstance(second, float):
            if not math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12):
                return True
        elif first != second:
            return True
    return False


def _in_utc(moment: object) -> object:
    """Segments hold UTC without saying so; what is written must say it."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else moment
