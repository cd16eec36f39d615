"""Adding replicates to a finished benchmark run: the same queries asked again, under the same conditions."""

from docmind_core.errors import RunError, UsageError
from docmind_core.runs.frozen_suite import resume_command
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.manifest import RunInputs, run_facts
from docmind_core.runs.run_differences import condition_differences
from docmind_core.runs.run_states import benchmark_run_state
from docmind_core.settings import Settings
from docmind_core.suites.suite import REPLICATES_MAX, Suite

SAME_CONDITIONS = "Replicates can only be added under the same conditions. Revert the change, or start a new run."


def with_additions(suite: Suite, journal: Journal, more: int = 0) -> Suite:
    """Return the suite of a run with `more` replicates added to those it has so far."""
    return suite.model_copy(update={"replicates": suite.replicates + sum(journal.additions()) + more})


def refuse_addition(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> None:
    """Refuse to add replicates to a run that is unfinished or was resumed with changes.

    Args:
        settings: The home.
        journal: Of the run.
        benchmark_run: Its key.
        suite: Its suite with all replicates that it is to have.

    Raises:
        UsageError: If the run has not finished, or would have too many replicates.
        RunError: If it was resumed with something changed.
    """
    state = benchmark_run_state(settings, benchmark_run)
    if not state.finished:
        done = f"{state.queries_done} of {state.queries_total or '?'} queries"
        raise UsageError(
            f"{benchmark_run} is not finished ({done}), so replicates can't be added yet. "
            f"Finish it first: {resume_command(settings, benchmark_run)}"
        )
    if any(journal.facts(run_id_of(benchmark_run, arm)).get("stopped_because") for arm in suite.arms):
        raise UsageError(
            f"{benchmark_run} was stopped by its gate, so more replicates would cover only some of its queries"
        )
    if suite.replicates > REPLICATES_MAX:
        raise UsageError(
            f"{benchmark_run} would have {suite.replicates} replicates of each query; the maximum is {REPLICATES_MAX}"
        )
    if not journal.comparable():
        raise RunError(
            f"{benchmark_run} was resumed with a changed suite, code or prompt, so its answers are already mixed. "
            "Start a new run."
        )


def refuse_other_conditions(journal: Journal, inputs: RunInputs) -> None:
    """Refuse to add replicates under other conditions than those of the first ones.

    Raises:
        RunError: Naming each condition that differs, with both values.
    """
    for arm in inputs.suite.arms:
        begun = journal.arm(run_id_of(inputs.benchmark_run, arm))
        if begun is None:
            continue
        now = run_facts(inputs, arm, engine_session=None)
        found = [one for one in condition_differences(begun.facts, now) if one.field != "replicates"]
        if found:
            changed = "; ".join(one.text for one in found)
            raise RunError(f"{inputs.benchmark_run} ran under different conditions: {changed}. {SAME_CONDITIONS}")
