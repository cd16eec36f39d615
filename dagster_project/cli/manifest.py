"""`docmind manifest`: everything that identifies a run, and what two runs differ in."""

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, print_table, say


@click.command()
@click.argument("run", shell_complete=completion.runs)
@click.option(
    "--diff",
    "other",
    metavar="RUN",
    help="Show only what differs between RUN and this one.",
    shell_complete=completion.runs,
)
@json_option
def manifest(run: str, other: str | None, as_json: bool) -> None:
    """Show what RUN was made with: conditions, commit, prompts, suite, engine, packages, hardware.

    RUN is a run id (BENCHMARK_RUN.ARM), a benchmark run (all its arms), `latest`, or with --diff `baseline`. With
    --diff the arms of two benchmark runs are compared arm by arm.

    \b
    Examples:
      docmind manifest latest
      docmind manifest 20261122T020000Z-smoke-7f3a.tuned
      docmind manifest baseline --diff latest
    """
    from docmind_core.runs.run_differences import manifest_differences, manifest_fields, shown_value
    from docmind_core.runs.run_names import find_runs, paired_runs
    from docmind_core.settings import load_settings
    from docmind_core.tables.segments import read_segment

    settings = load_settings()
    runs = [(run_id,) for run_id in find_runs(settings, run)] if other is None else paired_runs(settings, run, other)
    names = ["field", "value"] if other is None else ["field", "before", "after"]
    listed = []
    for run_ids in runs:
        rows = [read_segment(settings.tables, "runs", run_id)[0] for run_id in run_ids]
        found: list[tuple[object, ...]] = list(manifest_fields(rows[0]))
        if other is not None:
            found = [(one.field, one.baseline, one.candidate) for one in manifest_differences(*rows)]
        listed += [(*run_ids, *values) for values in found]
        if not as_json:
            say(" → ".join(run_ids) + ("" if found else ": no difference"))
            if found:
                print_table(names, [(field, *map(shown_value, values)) for field, *values in found])
    if as_json:
        keys = ["run_id"] if other is None else ["before_run_id", "after_run_id"]
        print_rows([*keys, *names], listed, as_json=True)
