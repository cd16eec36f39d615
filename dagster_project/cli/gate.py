"""`docmind gate`: whether a candidate may pass, for CI to stop on."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion

if TYPE_CHECKING:
    from docmind_core.measurements.gate import GateResult
    from docmind_core.settings import Settings
    from docmind_core.suites.gate_policy import GatePolicy

OF_BASELINE = "that of the baseline"
EXIT_BLOCK, EXIT_INCONCLUSIVE = 10, 11


@click.command()
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Policy as YAML; see above."
)
@click.option(
    "--candidate", metavar="RUN", help="Run to judge; default: the policy's, or latest.", shell_complete=completion.runs
)
@click.option(
    "--baseline",
    metavar="RUN",
    help="Run to compare with; default: the policy's, or the pinned baseline.",
    shell_complete=completion.runs,
)
@click.option(
    "--sequential",
    is_flag=False,
    flag_value=OF_BASELINE,
    metavar="[SUITE]",
    help="Run SUITE (default: the baseline's) and stop as soon as the result is decided.",
)
@click.option("--engine", metavar="URL|PROFILE", help="With --sequential: as in docmind bench.")
@click.option("--model", metavar="NAME", help="With --sequential: as in docmind bench.")
@click.option("--api-key-env", metavar="NAME", help="With --sequential: as in docmind bench.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
@click.pass_context
def gate(context: click.Context, /, **given: object) -> None:
    """Decide whether a candidate run passes against a baseline.

    All metrics of the policy must hold: by default passed, good_ratio and billed_tokens, each with a margin of 5 %.
    A metric holds if the one-sided 95 % bound of its loss is within the margin, and blocks if its entire 95 % interval
    is worse than the baseline. A run with missing queries never passes.

    With --sequential, the candidate is a new run, stopped by the first of five looks that decides (docs/sequential.md).

    Exit code 0: pass. 10: block. 11: inconclusive; the output says how many queries would decide. 2: the
    runs can't be compared, or the policy is invalid.

    \b
    A policy:
      candidate: latest
      baseline: baseline            # the pinned one
      arms: [tuned]                 # default: all
      metrics:
        passed: {margin: 0.03}      # points of the queries
        good_ratio:                 # 0.05 by default
        billed_tokens: {margin: 0.1}  # share of the baseline's
        answer_words: {margin: 10}  # a metric of your own, in its unit
      allow: [model]                # may differ

    \b
    Examples:
      docmind gate --policy gate.yaml --junit gate.xml --markdown gate.md
      docmind gate --sequential my-suite.yaml --engine http://127.0.0.1:8000
    """
    from docmind_core.errors import UsageError
    from docmind_core.reports.gate_page import junit_of_refusal
    from docmind_core.settings import load_settings

    try:
        result = _result(load_settings(), _policy(given), given)
    except UsageError as refusal:
        _write(given["junit"], junit_of_refusal(str(refusal)))
        raise
    _print(result, given)
    context.exit({"block": EXIT_BLOCK, "inconclusive": EXIT_INCONCLUSIVE}.get(result.state, 0))


def _policy(given: "dict[str, object]") -> "GatePolicy":
    from docmind_core.suites.gate_policy import read_policy

    path = given["policy"]
    policy = read_policy(path if isinstance(path, Path) else None)
    named = {name: given[name] for name in ("candidate", "baseline") if given[name] is not None}
    return policy.model_copy(update=named)


def _result(settings: "Settings", policy: "GatePolicy", given: "dict[str, object]") -> "GateResult":
    from docmind_core.errors import UsageError
    from docmind_core.measurements.sequential_gate import decide_sequential, read_plan
    from docmind_core.runs.keys import benchmark_run_of
    from docmind_core.runs.run_names import BASELINE, find_runs

    changes = {name: given[name] for name in ("engine", "model", "api_key_env") if given[name] is not None}
    suite = given["sequential"]
    if suite is not None:
        # Dagster alone takes two seconds to import: only a gate that starts a run pays.
        from dagster_project.cli.sequential import run_sequential

        if given["candidate"] is not None:
            raise UsageError("--sequential starts the candidate; remove --candidate")
        policy = policy.model_copy(update={"candidate": "latest"})
        run_id = run_sequential(settings, policy, None if suite == OF_BASELINE else str(suite), changes)
    elif changes:
        raise UsageError(f"--{next(iter(changes)).replace('_', '-')} requires --sequential")
    elif policy.candidate == BASELINE:
        return _decide(settings, policy)
    else:
        run_id = find_runs(settings, policy.candidate)[0]
    plan = read_plan(settings, benchmark_run_of(run_id))
    if plan is None:
        return _decide(settings, policy)
    if suite is None and (given["policy"] is not None or given["baseline"] is not None):
        raise UsageError(f"{run_id} was started with a policy, against {plan.baseline}: remove --policy and --baseline")
    return decide_sequential(settings, run_id, plan)


def _decide(settings: "Settings", policy: "GatePolicy") -> "GateResult":
    from docmind_core.errors import UsageError
    from docmind_core.measurements.gate import decide_gate
    from docmind_core.measurements.run_comparison import compare_runs, refuse_unknown_fields
    from docmind_core.runs.run_names import arm_of, paired_runs
    from docmind_core.tables.publish import publish

    pairs = paired_runs(settings, policy.candidate, policy.baseline)
    missing = sorted(set(policy.arms) - {arm_of(candidate) for candidate, _ in pairs})
    if missing:
        raise UsageError(f"arms: {', '.join(missing)}: not in both {policy.candidate} and {policy.baseline}")
    chosen = [pair for pair in pairs if not policy.arms or arm_of(pair[0]) in policy.arms]
    refuse_unknown_fields(settings, chosen[0][0], policy.allow)
    found = [compare_runs(settings, *pair, allowed=policy.allow) for pair in chosen]
    publish(settings)
    return decide_gate(found, policy)


def _print(result: "GateResult", given: "dict[str, object]") -> None:
    import json

    from dagster_project.cli.result_formats import plain_json
    from dagster_project.cli.terminal_text import print_table, say
    from docmind_core.reports import gate_page as page

    _write(given["junit"], page.junit(result))
    _write(given["markdown"], page.markdown(result))
    if given["as_json"]:
        click.echo(plain_json(json.dumps(page.as_json(result), ensure_ascii=False, indent=2, allow_nan=False)))
        return
    say(page.verdict_line(result))
    print_table(page.columns(result), [page.cells(test) for test in result.tests])
    for one in result.comparisons:
        say(f"more: docmind compare {one.candidate_run_id} {one.baseline_run_id}")


def _write(path: object, text: str) -> None:
    from docmind_core.errors import UsageError

    if not isinstance(path, Path):
        return
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error
