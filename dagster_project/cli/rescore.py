"""`docmind rescore`: a finished run scored again, without a call of a model."""

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, print_table, say


@click.command(short_help="Score a finished run again, without calling a model.")
@click.argument("run", shell_complete=completion.runs)
@click.option("--suite", "suite_file", metavar="SUITE", help="Judge by the limits and metrics of this suite.")
@json_option
def rescore(run: str, suite_file: str | None, as_json: bool) -> None:
    """Score the finished benchmark run RUN (or `latest`) again with the scorers of this version.

    With --suite, the run is judged by that suite's limits, min_n, alerts and metrics from then on; everything else in
    it must equal the run's suite. No model is called. Replaced scores are kept in the table `earlier_measurements`
    with the version of their formula, and the previous suite as suite.TIME.yaml in the run's folder. Comparisons,
    limits, grades and the report are recomputed; alerts already raised are not changed.

    \b
    Examples:
      docmind rescore latest
      docmind rescore 20261122T020000Z-smoke-7f3a --suite my-suite.yaml
    """
    from docmind_core.measurements.rescoring import rescore_run
    from docmind_core.reports.benchmark import write_benchmark_report
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.run_names import LATEST, latest_benchmark_run
    from docmind_core.settings import load_settings

    settings = load_settings()
    key = latest_benchmark_run(settings) if run == LATEST else run
    with lock_home(settings, f"docmind rescore {key}"):
        found = rescore_run(settings, key, None if suite_file is None else read_suite(suite_file))
        report = write_benchmark_report(settings, key)
    if as_json:
        print_rows(["metric", "changed"], list(found.changed.items()), as_json=True)
        return
    if found.changed:
        print_table(["metric", "scores changed"], list(found.changed.items()))
    say(
        f"rescored {key}: {found.rows} scores, {sum(found.changed.values())} of them changed; "
        f"{found.kept['measurements']} earlier ones kept in earlier_measurements, "
        f"{found.kept['limit_results']} rows of limits in earlier_limit_results"
    )
    if found.suite_keys:
        say(f"now judged by the new {', '.join(found.suite_keys)}")
    say(f"Report: {report.html}")
