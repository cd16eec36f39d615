"""`docmind gate --sequential`: ask the queries of a baseline again, and stop once the gate has decided."""

from collections.abc import Mapping

from dagster_project.cli.progress_display import launch_visibly
from dagster_project.cli.terminal_text import announce, say
from dagster_project.suite_changes import changed_suite
from docmind_core.errors import RunError, UsageError
from docmind_core.measurements.sequential_gate import FILE, plan_gate, plan_text
from docmind_core.runs.frozen_suite import (
    freeze_benchmark_run,
    named_source,
    read_frozen_suite,
    read_source_suite,
    resume_command,
)
from docmind_core.runs.health import nothing_answered
from docmind_core.runs.input_check import read_suite
from docmind_core.runs.keys import benchmark_run_of, run_id_of
from docmind_core.runs.lock import lock_home
from docmind_core.runs.run_names import BASELINE, arm_of, find_runs
from docmind_core.runs.suite_arms import refuse_unfit_engine
from docmind_core.settings import Settings
from docmind_core.suites.gate_policy import GatePolicy
from docmind_core.suites.suite import persistent_name
from docmind_core.tables.baselines import read_baselines


def run_sequential(settings: Settings, policy: GatePolicy, suite: str | None, changes: Mapping[str, object]) -> str:
    """Start a run that its gate stops, wait for its end, and return its run id.

    Args:
        settings: The home.
        policy: What the run is judged by.
        suite: Bundled name or path; None for the suite of the baseline as that was run.
        changes: Keys of the suite that the command line says instead.

    Raises:
        UsageError: If it is not clear which run is the baseline, or if the suite can't be looked at in between.
        RunError: If no query was answered.
    """
    source = None if suite is None else read_suite(suite)
    baseline = _baseline(settings, policy, None if source is None else source.name)
    before = benchmark_run_of(baseline)
    named = named_source(settings, before) if suite is None else persistent_name(suite)
    asked = changed_suite(source or read_frozen_suite(settings, before), {**changes, "arms": arm_of(baseline)})
    with lock_home(settings, "docmind gate --sequential"):
        key = freeze_benchmark_run(
            asked,
            settings,
            source=source or read_source_suite(settings, before),
            named=named,
            prepare=lambda: refuse_unfit_engine(asked, settings, announce),
            further=lambda frozen: {FILE: plan_text(plan_gate(frozen, baseline, policy))},
        )
        say(f"benchmark run {key}, judged against {baseline}", err=True)
        launch_visibly(settings, key, f"{resume_command(settings, key)}; then: docmind gate --candidate {key}")
    if failure := nothing_answered(settings, key):
        raise RunError(failure)
    return run_id_of(key, arm_of(baseline))


def _baseline(settings: Settings, policy: GatePolicy, suite: str | None) -> str:
    """Return the one run that the policy means: the pinned one, or the one that is named."""
    if policy.baseline == BASELINE:
        found = [one.run_id for one in read_baselines(settings) if suite in {None, one.suite}]
        none = "no pinned baseline. Give a run with --baseline, or pin one: docmind baseline pin RUN --reason WHY"
    else:
        found, none = list(find_runs(settings, policy.baseline)), f"{policy.baseline} has none of these arms"
    found = [run_id for run_id in found if not policy.arms or arm_of(run_id) in policy.arms]
    if not found:
        raise UsageError(none)
    if len(found) > 1:
        raise UsageError(
            f"a sequential gate needs exactly one baseline, but several match: {', '.join(found)}. "
            "Choose one with --baseline, or its arm in the policy (arms: [ARM])"
        )
    return found[0]
