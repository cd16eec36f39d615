"""Resuming a benchmark run: refused if its suite has changed since the start, or its journal is missing."""

from docmind_core.errors import RunError, UsageError
from docmind_core.runs.frozen_suite import journal_path, named_source, read_source_suite
from docmind_core.runs.journal import Journal
from docmind_core.runs.resuming import RESUME_ANYWAY
from docmind_core.runs.shard_journals import absorb_leftovers, shards_folder
from docmind_core.settings import Settings
from docmind_core.suites.own_metrics import reference_of
from docmind_core.suites.suite import Suite, load_suite
from docmind_core.tables.segments import run_ids_of

_AROUND_A_RUN = frozenset({"schedule", "timezone", "channels"})
"""Keys of a suite that only set when it runs and who is notified: they may change between start and resumption."""


def resume_benchmark_run(settings: Settings, benchmark_run: str, suite: Suite, *, anyway: bool) -> str | None:
    """Allow an interrupted run to resume if its suite has not changed.

    Args:
        settings: The home of the run.
        benchmark_run: Its key.
        suite: The suite as its file has it now.
        anyway: Resume although suite, code, prompts or engine have changed; the run is marked not comparable.

    Returns:
        Which suite is resumed, if the file now has another one and `anyway` is given; else None.

    Raises:
        UsageError: If there is no such run.
        RunError: If the suite has changed; every changed key is named with both values.
    """
    changed = _changes(settings, benchmark_run, suite)
    if changed and not anyway:
        raise _suite_has_changed(benchmark_run, changed, RESUME_ANYWAY)
    with Journal(journal_path(settings, benchmark_run)) as journal:
        journal.accept_changes(accepted=anyway)
        if changed:
            journal.mark_not_comparable()
    if not changed:
        return None
    return (
        f"{benchmark_run} resumes with its frozen suite and is marked not comparable; "
        f"the suite file has changed: {changed}"
    )


def ask_interrupted_again(settings: Settings, benchmark_run: str) -> str:
    """Mark interrupted queries to be asked from the beginning when the run resumes; return a notice for the user.

    Their tokens and times are those of the new attempt; what the first one had cost stays in the ledger.
    """
    with Journal(journal_path(settings, benchmark_run)) as journal:
        absorb_leftovers(settings, benchmark_run, journal)
        count = journal.set_interrupted_aside()
    if not count:
        return f"no query of {benchmark_run} was interrupted, so there is nothing to rerun"
    queries = "1 interrupted query is" if count == 1 else f"{count:,} interrupted queries are"
    return f"{queries} rerun from the beginning; their earlier cost stays in the ledger"


def has_interrupted_queries(settings: Settings, benchmark_run: str) -> bool:
    """Return whether a run that stopped has queries for `ask_interrupted_again`; shards left at work may have some."""
    path = journal_path(settings, benchmark_run)
    if not path.exists():
        return False
    with Journal(path, read_only=True) as journal:
        return journal.interrupted_queries() > 0 or any(shards_folder(settings, benchmark_run).glob("*.sqlite"))


def refuse_lost_journal(settings: Settings, benchmark_run: str) -> None:
    """Refuse a run that has tables but no journal: without it, finished calls would be paid for again.

    Raises:
        RunError: If the journal of a run that had ended an arm is not there.
    """
    path = journal_path(settings, benchmark_run)
    if not path.exists() and run_ids_of(settings.tables, benchmark_run):
        raise RunError(
            f"{path} is missing, but the tables of {benchmark_run} exist, so every query would be asked again. "
            "Restore the journal, or start a new run."
        )


def refuse_changed_suite(
    settings: Settings, benchmark_run: str, journal: Journal, *, advice: str = RESUME_ANYWAY
) -> None:
    """Allow a started run to resume only if the file of its suite has not changed.

    Dagster resumes a run by its key alone. Where the file of its suite is gone, the frozen suite is all there is.

    Raises:
        RunError: If the suite has changed and `resume_benchmark_run` was not asked to resume anyway.
    """
    named = named_source(settings, benchmark_run)
    if named is None or journal.identity() is None or journal.accepts_changes():
        return
    try:
        suite = load_suite(named)
    except UsageError:
        return
    if changed := _changes(settings, benchmark_run, suite):
        raise _suite_has_changed(benchmark_run, changed, advice)


def _suite_has_changed(benchmark_run: str, changed: str, advice: str) -> RunError:
    return RunError(f"the suite of {benchmark_run} has changed since its start: {changed}. {advice}")


def _changes(settings: Settings, benchmark_run: str, suite: Suite) -> str:
    before, now = _as_written(read_source_suite(settings, benchmark_run)), _as_written(suite)
    changed = [name for name in now if before[name] != now[name] and name not in _AROUND_A_RUN]
    return "; ".join(f"{name}: {before[name]!r} → {now[name]!r}" for name in changed)


def _as_written(suite: Suite) -> dict[str, object]:
    """Return a suite as its file has it: scorers by their reference, whose files `guard_resume` compares."""
    return suite.model_copy(update={"metrics": tuple(map(reference_of, suite.metrics))}).model_dump(mode="json")
