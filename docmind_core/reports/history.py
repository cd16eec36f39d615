"""The last runs of each arm as small multiples: values, limit, baseline, and where conditions changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_rows

RUNS_SHOWN = 30
HISTORY_METRICS = ("pass_ratio", "good_ratio", "billed_tokens", "wall_p50_s")
_RUNS = f"""
select run_id, arm, series_key, git_sha, prompt_hash, engine_version
from runs
where suite = $suite and arm in $arms and comparable is distinct from false and status is distinct from 'decided'
    and (started_at, run_id) <= (select (max(started_at), max(run_id)) from runs where benchmark_run = $benchmark_run)
qualify row_number() over (partition by arm order by started_at desc, run_id desc) <= {RUNS_SHOWN}
order by arm, started_at, run_id
"""
_ORIGINS = slice(3, 6)
_FIRED = """
select distinct runs.run_id
from alert_events as e
join runs on runs.run_id = coalesce(e.run_id, runs.run_id) and runs.benchmark_run = split_part(e.benchmark_run, ':', 1)
where e.to_state = 'firing' and runs.run_id in $run_ids
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmHistory:
    """The last runs of one arm, oldest first."""

    arm: str
    run_ids: tuple[str, ...]
    values: Mapping[str, tuple[float | None, ...]]
    """By metric of `HISTORY_METRICS`, one per run; None where it was not measured."""
    new_series: tuple[int, ...]
    """Places of the runs that were made under other conditions than the run before: the two are not comparable."""
    new_origin: tuple[int, ...]
    """Places of the runs since whose predecessor commit, prompts or engine version changed."""
    baseline: int | None
    """Place of the pinned baseline; None where it is not among the runs shown, or none is pinned."""
    limits: Mapping[str, float]
    """Limits of the suite by metric."""
    fired: tuple[int, ...] = ()
    """Places of the runs at which an alert of the arm fired."""


def read_history(settings: Settings, records: BenchmarkRecords) -> tuple[ArmHistory, ...]:
    """Return the history of each arm of a benchmark run, up to that run; an arm with one run alone has none."""
    first, arms = records.arms[0], [arm.arm for arm in records.arms]
    parameters = {"suite": first.suite, "arms": arms, "benchmark_run": first.benchmark_run}
    _, runs = query_rows(settings, _RUNS, parameters)
    if len(runs) <= len(arms):
        return ()
    run_ids = {"run_ids": [str(row[0]) for row in runs]}
    _, values = query_rows(settings, sql_text("run_history"), run_ids)
    fired = {str(run_id) for (run_id,) in query_rows(settings, _FIRED, run_ids)[1]}
    of_run = {str(run_id): tuple(map(_number, figures)) for run_id, *figures in values}
    _, pinned = query_rows(settings, "select run_id from baselines where suite = $suite", {"suite": first.suite})
    _, limits = query_rows(
        settings,
        "select distinct arm, metric, set_to from limit_results join runs using (run_id) "
        "where benchmark_run = $benchmark_run and agent = 'all' and set_to is not null and metric in $metrics",
        {"benchmark_run": first.benchmark_run, "metrics": list(HISTORY_METRICS)},
    )
    found = []
    for arm in arms:
        of_arm = [row for row in runs if row[1] == arm]
        if len(of_arm) > 1:
            bounds = {str(metric): float(str(bound)) for name, metric, bound in limits if name == arm}
            one = _history(arm, of_arm, of_run, {str(row[0]) for row in pinned}, bounds)
            places = tuple(place for place, run_id in enumerate(one.run_ids) if run_id in fired)
            found.append(replace(one, fired=places))
    return tuple(found)


def _history(
    arm: str,
    runs: Sequence[tuple[object, ...]],
    of_run: Mapping[str, tuple[float | None, ...]],
    pinned: set[str],
    limits: Mapping[str, float],
) -> ArmHistory:
    ids = [str(row[0]) for row in runs]
    unknown = (None,) * len(HISTORY_METRICS)
    columns = zip(*(of_run.get(run_id, unknown) for run_id in ids), strict=True)
    steps = list(enumerate(pairwise(runs), start=1))
    return ArmHistory(
        arm=arm,
        run_ids=tuple(ids),
        values=dict(zip(HISTORY_METRICS, columns, strict=True)),
        new_series=tuple(place for place, (before, now) in steps if before[2] != now[2]),
        new_origin=tuple(place for place, (before, now) in steps if before[_ORIGINS] != now[_ORIGINS]),
        baseline=next((place for place, run_id in enumerate(ids) if run_id in pinned), None),
        limits=limits,
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
