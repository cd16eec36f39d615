"""`docmind prune`: remove old benchmark runs."""

from typing import TYPE_CHECKING

import click

from dagster_project.cli.terminal_text import json_option, print_rows, say

if TYPE_CHECKING:
    from docmind_core.settings import Settings


@click.command(short_help="Remove all benchmark runs except the newest N of each suite.")
@click.option(
    "--keep", type=click.IntRange(min=1), required=True, metavar="N", help="Number of runs to keep of each suite."
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing it.")
@click.option("--force", is_flag=True, help="Remove pinned baselines too, and unpin them.")
@json_option
def prune(keep: int, dry_run: bool, force: bool, as_json: bool) -> None:
    """Remove all benchmark runs except the newest N of each suite and the pinned baselines.

    Removes their tables, journals, reports and frozen suites, their records in Dagster and the alerts, and the period
    reports and engine logs older than every remaining run, then publishes the database. Open alerts and queued messages
    are kept. Not possible while a benchmark or its report is running in this home.

    \b
    Examples:
      docmind prune --keep 20 --dry-run
      docmind prune --keep 20
    """
    from docmind_core.runs.disk_space import size_text
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.pruning import old_runs, prune_runs
    from docmind_core.settings import load_settings

    settings = load_settings()
    if dry_run:
        chosen = old_runs(settings, keep=keep, force=force)
    else:
        with lock_home(settings, f"docmind prune --keep {keep}"):
            _refuse_while_dagster_works(settings)
            chosen = prune_runs(settings, keep=keep, force=force)
            # Even with nothing chosen: a pruning that died may have left rows without runs.
            _forget(settings)
    if as_json:
        names = ["benchmark_run", "suite", "bytes", "removed"]
        print_rows(names, [(run.benchmark_run, run.suite, run.bytes, not dry_run) for run in chosen], as_json=True)
        return
    if not force:
        _say_what_is_pinned(settings, keep)
    if not chosen:
        say(f"no suite has more than {keep} benchmark runs; nothing to remove")
        return
    rows = [(run.benchmark_run, run.suite, size_text(run.bytes)) for run in chosen]
    print_rows(["benchmark_run", "suite", "size"], rows, as_json=False)
    total = size_text(sum(run.bytes for run in chosen))
    noun = "run" if len(chosen) == 1 else "runs"
    say(f"{'would remove' if dry_run else 'removed'} {len(chosen)} benchmark {noun}, {total}")


def _say_what_is_pinned(settings: "Settings", keep: int) -> None:
    from docmind_core.runs.pruning import old_runs, pinned_runs

    old = {run.benchmark_run for run in old_runs(settings, keep=keep, force=True)}
    for key in sorted(old & pinned_runs(settings)):
        say(f"kept {key}: a pinned baseline (docmind baseline list); --force removes it too")


def _refuse_while_dagster_works(settings: "Settings") -> None:
    """A run of the UI or of a schedule holds the home while its arms run, and continues without it to its report."""
    from dagster_project.instance import living_benchmark, open_instance
    from docmind_core.errors import HomeLocked

    if settings.dagster_home.exists():
        with open_instance(settings) as instance:
            if key := living_benchmark(instance):
                raise HomeLocked(f"Dagster is still working on {key} in {settings.home}. Prune when it is done.")


def _forget(settings: "Settings") -> None:
    """Remove what alerts and Dagster keep about runs that are gone."""
    from dagster_project.instance import forget_removed_runs, open_instance
    from docmind_core.alerts.pruning import prune_alerts
    from docmind_core.runs.pruning import oldest_start
    from docmind_core.tables.publish import publish

    if prune_alerts(settings, before=oldest_start(settings)) and settings.metrics_database.exists():
        publish(settings)
    if settings.dagster_home.exists():
        with open_instance(settings) as instance:
            forget_removed_runs(instance, settings)
