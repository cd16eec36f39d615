"""The runs that a person names: by run id, by benchmark run, or as `latest` and `baseline`."""

from collections.abc import Sequence

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.runs.frozen_suite import read_frozen_suite, resume_command
from docmind_core.runs.keys import benchmark_run_of, in_order, is_benchmark_run, suite_of
from docmind_core.settings import Settings
from docmind_core.tables.baselines import Baseline, change_baselines, pinned_now, read_baselines
from docmind_core.tables.segments import read_segment, run_ids_of, segment_path

LATEST, BASELINE = "latest", "baseline"


def arm_of(run_id: str) -> str:
    """Return the arm in a run id."""
    return run_id.split(".", 1)[1]


def find_runs(settings: Settings, name: str) -> tuple[str, ...]:
    """Return the run ids that a name refers to: one, or all arms of a benchmark run that have ended.

    Raises:
        UsageError: If there is no such run, or if it has not finished.
    """
    key = latest_benchmark_run(settings) if name == LATEST else benchmark_run_of(name)
    is_known = (settings.benchmarks / key).is_dir() or run_ids_of(settings.tables, key)
    if not is_benchmark_run(key) or not is_known:
        meant = did_you_mean(name, _known_names(settings))
        raise UsageError(
            f"there is no run {name!r} in {settings.home}.{meant} List them: docmind runs; or use latest or baseline"
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
        candidate: A run id, a benchmark run, `latest`, or `baseline`: what is pinned for suite and arm of the other.
        baseline: The same.

    Raises:
        UsageError: If a name refers to no finished run, if the two have no arm in common, or if no baseline is pinned
            for any of the arms.
    """
    if baseline == BASELINE:
        return tuple((run_id, pinned) for run_id, pinned in _with_baselines(settings, find_runs(settings, candidate)))
    if candidate == BASELINE:
        return tuple((pinned, run_id) for run_id, pinned in _with_baselines(settings, find_runs(settings, baseline)))
    ours, theirs = find_runs(settings, candidate), find_runs(settings, baseline)
    if len(ours) == len(theirs) == 1:
        return ((ours[0], theirs[0]),)
    of_arm = {arm_of(run_id): run_id for run_id in theirs}
    found = tuple((run_id, of_arm[arm_of(run_id)]) for run_id in ours if arm_of(run_id) in of_arm)
    if not found:
        arms = [", ".join(map(arm_of, side)) for side in (ours, theirs)]
        raise UsageError(f"{candidate} ({arms[0]}) and {baseline} ({arms[1]}) have no arm in common")
    return found


def _with_baselines(settings: Settings, run_ids: Sequence[str]) -> list[tuple[str, str]]:
    pinned = {run_id: baseline_of(settings, run_id) for run_id in run_ids}
    found = [(run_id, one.run_id) for run_id, one in pinned.items() if one is not None]
    if not found:
        arms = ", ".join(map(arm_of, run_ids))
        raise UsageError(
            f"no pinned baseline for suite {suite_of(benchmark_run_of(run_ids[0]))}, arm {arms}. "
            "Give a run, or pin one: docmind baseline pin RUN --reason WHY"
        )
    for _, run_id in found:
        if not segment_path(settings.tables, "runs", run_id).exists():
            raise UsageError(
                f"the pinned baseline {run_id} no longer exists. Pin another: docmind baseline pin RUN --reason WHY"
            )
    return found


def baseline_of(settings: Settings, run_id: str) -> Baseline | None:
    """Return the baseline that is pinned for the suite and arm of a run; None where none is.

    Raises:
        StoreError: If the baselines can't be read.
    """
    suite, arm = suite_of(benchmark_run_of(run_id)), arm_of(run_id)
    return next((one for one in read_baselines(settings) if (one.suite, one.arm) == (suite, arm)), None)


def pin_baselines(settings: Settings, name: str, reason: str) -> tuple[Baseline, ...]:
    """Pin a run, or each arm of a benchmark run, as the one that later runs of its suite and arm are compared with.

    Raises:
        UsageError: If there is no such run, or if one has not finished or is not comparable.
        StoreError: If the baselines can't be read.
    """
    if not reason.strip():
        raise UsageError("a baseline needs a reason: --reason WHY")
    pinned = []
    for run_id in find_runs(settings, name):
        row = read_segment(settings.tables, "runs", run_id)[0]
        if row["status"] not in {"finished", None}:
            raise UsageError(f"run {run_id} is {row['status']}: only finished runs can be pinned")
        if row["comparable"] is False:
            raise UsageError(
                f"run {run_id} was resumed with a changed suite, code or prompt, so it can't be a baseline"
            )
        pinned.append(pinned_now(suite_of(benchmark_run_of(run_id)), arm_of(run_id), run_id, reason.strip()))
    places = {(one.suite, one.arm) for one in pinned}
    change_baselines(settings, lambda before: [*pinned, *(b for b in before if (b.suite, b.arm) not in places)])
    return tuple(pinned)


def unpin_baselines(settings: Settings, name: str) -> tuple[Baseline, ...]:
    """Forget baselines: of a run id, a benchmark run, or a suite.

    Raises:
        UsageError: If none is pinned by that name.
        StoreError: If the baselines can't be read.
    """
    gone = [one for one in read_baselines(settings) if name in (one.run_id, benchmark_run_of(one.run_id), one.suite)]
    if not gone:
        raise UsageError(f"no pinned baseline matches {name!r}. List them: docmind baseline list")
    change_baselines(settings, lambda before: [one for one in before if one not in gone])
    return tuple(gone)


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


def _known_names(settings: Settings) -> list[str]:
    runs = [path.stem for path in (settings.tables / "runs").glob("*.parquet")]
    keys = [path.name for path in settings.benchmarks.glob("*")]
    return [LATEST, BASELINE, *keys, *runs]


def _unfinished(settings: Settings, key: str, name: str) -> str:
    try:
        arms = read_frozen_suite(settings, key).arms
    except UsageError:
        arms = ()
    if arm_of(name) in arms:
        return f"run {name} is not finished. Finish it: {resume_command(settings, key)}"
    known = ", ".join(arms) or ", ".join(map(arm_of, run_ids_of(settings.tables, key)))
    meant = did_you_mean(arm_of(name), arms)
    return f"benchmark run {key} has no arm {arm_of(name)!r}.{meant} It has {known}"
