"""`docmind prune`: remove old benchmark runs."""

import click


@click.command()
@click.option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="Keep the newest N of each suite.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
def prune(keep: int, dry_run: bool) -> None:
    """Remove all benchmark runs but the newest N of each suite.

    Removes their tables, journals, reports and frozen suites, and publishes the database without them. Refused while
    a benchmark is running in this home. Models, indexes and logs stay.

    \b
    Examples:
      docmind prune --keep 20 --dry-run
      docmind prune --keep 20
    """
    from dagster_project.cli.terminal_table import print_table
    from docmind_core.runs.pruning import old_runs, prune_runs
    from docmind_core.settings import load_settings

    settings = load_settings()
    chosen = old_runs(settings, keep=keep) if dry_run else prune_runs(settings, keep=keep)
    if not chosen:
        click.echo(f"no suite has more than {keep} benchmark runs; nothing to remove")
        return
    print_table(["benchmark_run", "suite", "MiB"], [(run.benchmark_run, run.suite, _mib(run.bytes)) for run in chosen])
    total = _mib(sum(run.bytes for run in chosen))
    click.echo(f"{'would remove' if dry_run else 'removed'} {len(chosen)} benchmark runs, {total} MiB")
    if not dry_run and settings.dagster_home.exists():
        _forget_partitions([run.benchmark_run for run in chosen])


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}"


def _forget_partitions(keys: list[str]) -> None:
    from dagster_project.instance import forget_benchmark_runs, open_instance
    from docmind_core.settings import load_settings

    with open_instance(load_settings()) as instance:
        forget_benchmark_runs(instance, keys)
