"""How far each benchmark run of a home is, as `docmind runs` lists it.

What is found of a run that has finished is kept in `listed.json` of its folder: neither its suite nor its journal is
read for the list again until one of them changes, and what reading them imports is not imported.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from docmind_core.errors import DocMindError, RunError
from docmind_core.runs.keys import in_order, is_benchmark_run, run_id_of, suite_of
from docmind_core.settings import Settings
from docmind_core.tables.segments import mark_of, segment_path


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRunState:
    """A benchmark run of this home, as `docmind runs` lists it."""

    benchmark_run: str
    suite: str
    arms: tuple[str, ...]
    finished: bool
    """True when every arm has ended and its tables are written."""
    queries_done: int
    queries_total: int | None
    """Over all arms; None before the run has begun."""
    unreadable: str | None = None
    """Why nothing more is known of it than its key; None when its suite and its journal can be read."""


def list_benchmark_runs(settings: Settings) -> tuple[BenchmarkRunState, ...]:
    """Return the benchmark runs of this home, oldest first."""
    if not settings.benchmarks.is_dir():
        return ()
    keys = (path.name for path in settings.benchmarks.iterdir() if is_benchmark_run(path.name))
    return tuple(benchmark_run_state(settings, key) for key in in_order(settings.benchmarks, keys))


def newest_unfinished(settings: Settings, suite: str) -> tuple[str, str] | None:
    """Return the newest benchmark run of a suite that can be resumed, and how far it is; None if there is none."""
    states = [state for state in list_benchmark_runs(settings) if state.suite == suite and state.unreadable is None]
    if unfinished := [state for state in states if not state.finished]:
        state = unfinished[-1]
        newer = len(states) - 1 - states.index(state)
        passed = f"; newer finished runs of {suite}: {newer}" if newer else ""
        return state.benchmark_run, f"{state.queries_done} of {state.queries_total or '?'} queries done{passed}"
    # An older run without a report is one whose report a gate stopped: it would be stopped again and again.
    if states and not (settings.reports / states[-1].benchmark_run / "index.html").exists():
        return states[-1].benchmark_run, "all queries are done, only the report is missing"
    return None


def benchmark_run_state(settings: Settings, benchmark_run: str) -> BenchmarkRunState:
    """Return how far a benchmark run is; of one that can't be read, why."""
    if (kept := _kept_state(settings, benchmark_run)) is not None:
        return kept
    marks = _marks(settings, benchmark_run)
    try:
        state = _read_state(settings, benchmark_run)
    except (DocMindError, OSError, UnicodeDecodeError) as error:  # one broken folder must not hide all the others
        return BenchmarkRunState(
            benchmark_run=benchmark_run,
            suite=suite_of(benchmark_run),
            arms=(),
            finished=False,
            queries_done=0,
            queries_total=None,
            unreadable=" ".join(str(error).split()),
        )
    if state.finished:
        with suppress(OSError):  # the next list reads the run again
            keep_state(settings, state, marks)
    return state


def keep_state(settings: Settings, state: BenchmarkRunState, marks: list[str] | None = None) -> None:
    """Keep what was found of a finished run, as its files are now or were at `marks`."""
    content = {"marks": marks or _marks(settings, state.benchmark_run), "state": asdict(state)}
    _listed(settings, state.benchmark_run).write_text(json.dumps(content), "utf-8")


def _kept_state(settings: Settings, benchmark_run: str) -> BenchmarkRunState | None:
    """Return what was found of a finished run, where neither its suite nor its journal has changed since."""
    try:
        kept = json.loads(_listed(settings, benchmark_run).read_text("utf-8"))
        state = BenchmarkRunState(**{**kept["state"], "arms": tuple(kept["state"]["arms"])})
        is_same = kept["marks"] == _marks(settings, benchmark_run)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return state if is_same and all(_has_tables(settings, benchmark_run, arm) for arm in state.arms) else None


def _marks(settings: Settings, benchmark_run: str) -> list[str]:
    journal = settings.journals / f"{benchmark_run}.sqlite"
    files = (settings.benchmarks / benchmark_run / "suite.yaml", journal, journal.with_name(f"{journal.name}-wal"))
    return [mark_of(path) for path in files]


def _listed(settings: Settings, benchmark_run: str) -> Path:
    return settings.benchmarks / benchmark_run / "listed.json"


def _has_tables(settings: Settings, benchmark_run: str, arm: str) -> bool:
    """Whether an arm would be seen by what is read; a resumption writes tables that it lacks."""
    return segment_path(settings.tables, "runs", run_id_of(benchmark_run, arm)).exists()


def _read_state(settings: Settings, benchmark_run: str) -> BenchmarkRunState:
    # Half a second, which the list of a home whose runs have finished does without.
    from docmind_core.runs.frozen_suite import journal_path, read_frozen_suite  # noqa: PLC0415
    from docmind_core.runs.journal import Journal  # noqa: PLC0415
    from docmind_core.runs.shard_journals import answered_in_shards  # noqa: PLC0415

    if not (settings.benchmarks / benchmark_run / "suite.yaml").is_file():
        raise RunError(f"{settings.benchmarks / benchmark_run}: suite.yaml is missing")
    suite = read_frozen_suite(settings, benchmark_run)
    path = journal_path(settings, benchmark_run)
    done, total, ended = 0, None, 0
    if path.exists():
        with Journal(path, read_only=True) as journal:
            for arm in suite.arms:
                run_id = run_id_of(benchmark_run, arm)
                done += len(journal.finished_keys(run_id))
                if (begun := journal.arm(run_id)) is not None:
                    total = begun.expected_queries * len(suite.arms)
                    ended += begun.ended_at is not None and _has_tables(settings, benchmark_run, arm)
    return BenchmarkRunState(
        benchmark_run=benchmark_run,
        suite=suite.name,
        arms=suite.arms,
        finished=ended == len(suite.arms),
        queries_done=done + answered_in_shards(settings, benchmark_run),  # after the journal: none is counted twice
        queries_total=total,
    )
