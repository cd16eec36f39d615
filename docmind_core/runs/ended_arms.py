"""Arms that ended in an earlier process of their benchmark run: what is still to be written about them."""

from datetime import UTC, datetime

from docmind_core.errors import StoreError
from docmind_core.runs.folding import FOLDED, fold_arm, unfolded_tables
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import read_segment, write_segment


def has_ended(journal: Journal, benchmark_run: str, arm: str) -> bool:
    """Whether an arm has answered all its queries."""
    begun = journal.arm(run_id_of(benchmark_run, arm))
    return begun is not None and begun.ended_at is not None


def fold_ended_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> None:
    """Write the tables that arms which ended lack; the engine isn't needed for that.

    Either the process died just after the end, or a damaged segment was deleted. With replicates added, the tables are
    there as they were before: `runs` is written last, so they belong to this end if it has this end's time.
    """
    for arm in suite.arms:
        run_id = run_id_of(benchmark_run, arm)
        begun = journal.arm(run_id)
        if begun is None or begun.ended_at is None:
            continue
        if lacking := FOLDED if _is_earlier(settings, run_id, begun.ended_at) else unfolded_tables(settings, run_id):
            fold_arm(settings, journal, run_id, begun.expected_queries, tables=lacking)
            publish(settings)
    mark_ended_arms(settings, journal, benchmark_run, suite)


def _is_earlier(settings: Settings, run_id: str, ended_at: datetime) -> bool:
    try:
        rows = read_segment(settings.tables, "runs", run_id)
    except StoreError:  # damaged: publishing sets it aside
        return False
    return any(_in_utc(row)["ended_at"] != ended_at for row in rows)


def mark_ended_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> None:
    """Mark the arms that ended before something changed: no arm of the run can be compared with another any more."""
    if journal.comparable():
        return
    changed = [arm for arm in suite.arms if _mark(settings, run_id_of(benchmark_run, arm))]
    if changed:
        publish(settings)


def _mark(settings: Settings, run_id: str) -> bool:
    rows = read_segment(settings.tables, "runs", run_id)
    if all(row["comparable"] is False for row in rows):
        return False
    write_segment(settings.tables, "runs", run_id, [{**_in_utc(row), "comparable": False} for row in rows])
    return True


def _in_utc(row: dict[str, object]) -> dict[str, object]:
    """Segments hold UTC without saying so; what is written must say it."""
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in row.items()}
