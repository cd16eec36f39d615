"""`docmind baseline`: which run later ones are compared with."""

from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, say

if TYPE_CHECKING:
    from docmind_core.tables.baselines import Baseline


@click.group(short_help="Pin the run that later runs are compared with.")
def baseline() -> None:
    """Pin the run that later runs of its suite and arm are compared with.

    Reports, alerts, `docmind compare` and `docmind gate` use it; `docmind prune` keeps it.

    \b
    Examples:
      docmind baseline pin latest --reason "release 1.4"
      docmind baseline list
      docmind baseline unpin my-suite
    """


@baseline.command(short_help="Pin RUN: one arm, or each arm of a benchmark run.")
@click.argument("run", shell_complete=completion.runs)
@click.option("--reason", required=True, metavar="WHY", help="Why this run is the baseline.")
def pin(run: str, reason: str) -> None:
    """Pin RUN: a run id (BENCHMARK_RUN.ARM), a benchmark run (each of its arms), or `latest`.

    Replaces the baseline of the same suite and arm. Alerts based on the old baseline are resolved.

    \b
    Examples:
      docmind baseline pin latest --reason "release 1.4"
      docmind baseline pin 20261122T020000Z-smoke-7f3a.tuned --reason "longer answers accepted"
    """
    from docmind_core.runs.run_names import pin_baselines
    from docmind_core.settings import load_settings
    from docmind_core.tables.publish import publish

    settings = load_settings()
    pinned = pin_baselines(settings, run, reason)
    publish(settings)
    _say("pinned", pinned)


@baseline.command(name="list")
@json_option
def list_baselines(as_json: bool) -> None:
    """List the pinned baselines.

    \b
    Example:
      docmind baseline list
    """
    from docmind_core.settings import load_settings
    from docmind_core.tables.baselines import read_baselines

    found = read_baselines(load_settings())
    if not found and not as_json:
        say("no pinned baselines; pin one: docmind baseline pin RUN --reason WHY")
        return
    names = ["suite", "arm", "run_id", "pinned_at", "reason"]
    rows = [[one.suite, one.arm, one.run_id, f"{one.pinned_at:%Y-%m-%d %H:%M:%S} UTC", one.reason] for one in found]
    print_rows(names, rows, as_json=as_json)


@baseline.command(short_help="Unpin the baselines of a run, a benchmark run or a suite.")
@click.argument("name", shell_complete=completion.runs)
def unpin(name: str) -> None:
    """Unpin the baselines of NAME: a run id, a benchmark run, or a suite. The runs themselves are kept.

    \b
    Example:
      docmind baseline unpin my-suite
    """
    from docmind_core.runs.run_names import unpin_baselines
    from docmind_core.settings import load_settings
    from docmind_core.tables.publish import publish

    settings = load_settings()
    gone = unpin_baselines(settings, name)
    publish(settings)
    _say("unpinned", gone)


def _say(done: str, baselines: "tuple[Baseline, ...]") -> None:

    for one in baselines:
        say(f"{done} {one.run_id} for suite {one.suite}, arm {one.arm}")
