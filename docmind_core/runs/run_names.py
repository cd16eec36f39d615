"""The runs that a person names: by run id, by benchmark run, or as `latest` and `baseline`."""

from collections.abc import Sequence

from docmind_core.errors import UsageError
from docmind_core.runs.frozen_suite import read_frozen_suite, resume_command
from docmind_core.runs.keys import benchmark_run_of, in_order, is_benchmark_run, suite_of
from docmind_core.settings import Settings
from docmind_core.tables.segments import run_ids_of, segment_path

LATEST, BASELINE = "latest", "baseline"


def arm_of(run_id: str) -> str:
    """Return the arm in a run id."""
    return run_id.split(".", 1)[1]


def find_runs(settings: Settings, name: str) -> tuple[str, ...]:
    """Return the run ids that a name stands for: one, or all arms of a benchmark run that have ended.

    Raises:
        UsageError: If there is no such run, or if it has not finished.
    """
    key = latest_benchmark_run(settings) if name == LATEST else benchmark_run_of(name)
    is_known = (settings.benchmarks / key).is_dir() or run_ids_of(settings.tables, key)
    if not is_benchmark_run(key) or not is_known:
        raise UsageError(
            f"there is no run {name!r} in {settings.home}. List them: docmind runs; or use latest or baseline"
        )
    if "." not in name:
        found = run_ids_of(settings.tables, key)
        if not found:
            raise UsageError(f"benchmark run {key} has no finished arm. Finish it: {resume_command(settings, key)}")
        return found
    if not segment_path(settings.tables, "runs", name).exists():
        raise UsageError(_unfinished(settings, key, name))
    return (name,)


def paired_runs(settings: Settings, candidate: str, baseline: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of run ids to compare, the candidate first: of two benchmark runs those of the same arm.

    Args:
        settings: The home.
        candidate: A run id, a benchmark run, or `latest`.
        baseline: The same.

    Raises:
        UsageError: If a name stands for no finished run, or if the two have no arm in common.
    """
    ours, theirs = find_runs(settings, candidate), find_runs(settings, baseline)
    if len(ours) == len(theirs) == 1:
        return ((ours[0], theirs[0]),)
    of_arm = {arm_of(run_id): run_id for run_id in theirs}
    found = tuple((run_id, of_arm[arm_of(run_id)]) for run_id in ours if arm_of(run_id) in of_arm)
    if not found:
        arms = [", ".join(map(arm_of, side)) for side in (ours, theirs)]
        raise UsageError(f"{candidate} ({arms[0]}) and {baseline} ({arms[1]}) have no arm in common")
    return found


def latest_benchmark_run(settings: Settings, *, suite: str | None = None, before: str | None = None) -> str:
    """Return the newest benchmark run with a finished arm.

    Args:
        settings: The home.
        suite: Take the runs of this suite alone; all when None.
        before: Take those alone that began before this one.

    Raises:
        UsageError: If there is none.
    """
    ended = {benchmark_run_of(path.stem) for path in (settings.tables / "runs").glob("*.parquet")}
    ordered: Sequence[str] = in_order(
        settings.benchmarks, (key for key in ended if is_benchmark_run(key) and suite in (None, suite_of(key)))
    )
    if before in ordered:
        ordered = ordered[: ordered.index(before)]
    if not ordered:
        raise UsageError("no benchmark run has finished yet. Run one: docmind bench smoke")
    return ordered[-1]


def _unfinished(settings: Settings, key: str, name: str) -> str:
    try:
        arms = read_frozen_suite(settings, key).arms
    except UsageError:
        arms = ()
    if arm_of(name) in arms:
        return f"run {name} has not finished. Finish it: {resume_command(settings, key)}"
    known = ", ".join(arms) or ", ".join(map(arm_of, run_ids_of(settings.tables, key)))
    return f"benchmark run {key} has no arm {arm_of(name)!r}; it has {known}"
