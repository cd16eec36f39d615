"""`docmind report` and `rescore`: write a report again, of a run or of the last hours; score a run again."""

from typing import TYPE_CHECKING, cast

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, print_table, say

if TYPE_CHECKING:
    from docmind_core.reports.benchmark import ReportFormat
    from docmind_core.reports.period import PeriodFormat
    from docmind_core.settings import Settings


@click.command()
@click.argument("benchmark_run", required=False, shell_complete=completion.benchmark_runs)
@click.option("--hours", type=float, metavar="N", help="Write the guide's report of the last N hours, over all runs.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["html", "md", "json", "junit"]),
    help="json and junit are also printed; junit has one test case per limit of a benchmark run.",
)
def report(benchmark_run: str | None, hours: float | None, file_format: "ReportFormat | None") -> None:
    """Write the report of a benchmark run or of the last hours.

    Built from the database. Without BENCHMARK_RUN and --hours, it covers the newest run, as with `latest`. Without
    --format, the report of a benchmark run is written as HTML and as Markdown.

    \b
    Examples:
      docmind report
      docmind report 20261122T020000Z-smoke-7f3a --format json
      docmind report --format junit > limits.xml
      docmind report --hours 24 --format json
    """
    from docmind_core.errors import UsageError
    from docmind_core.settings import load_settings

    if hours is not None and benchmark_run is not None:
        raise UsageError("give a benchmark run or --hours, not both")
    if hours is not None and file_format == "junit":
        raise UsageError("--format junit needs the limits of a benchmark run; it does not work with --hours")
    settings = load_settings()
    if hours is not None:
        _report_period(settings, hours, cast("PeriodFormat", file_format or "html"))
    else:
        _report_benchmark(settings, benchmark_run, file_format)


def _report_period(settings: "Settings", hours: float, file_format: "PeriodFormat") -> None:
    from dagster_project.cli.result_formats import plain_json
    from docmind_core.reports.period import json_text, write_period_report

    written = write_period_report(settings, hours, file_format)
    if file_format == "json":
        click.echo(plain_json(json_text(written.document)), nl=False)
        say(f"Report: {written.path}", err=True)
    else:
        say(written.summary)


def _report_benchmark(settings: "Settings", benchmark_run: str | None, file_format: "ReportFormat | None") -> None:
    from dagster_project.cli.result_formats import plain_json
    from docmind_core.errors import UsageError
    from docmind_core.reports.benchmark import write_benchmark_report, write_rendered
    from docmind_core.reports.terminal_layout import terminal_width
    from docmind_core.runs.keys import in_order
    from docmind_core.runs.run_names import LATEST
    from docmind_core.tables.reading import query_rows

    if benchmark_run is None or benchmark_run == LATEST:
        _, rows = query_rows(settings, "select distinct benchmark_run from runs")
        known = in_order(settings.benchmarks, (str(key) for (key,) in rows))
        if not known:
            raise UsageError("the database has no benchmark runs yet. Run one: docmind bench smoke")
        benchmark_run = known[-1]
    if file_format is not None:
        path = write_rendered(settings, benchmark_run, file_format)
        if file_format in ("json", "junit"):
            click.echo(plain_json(path.read_text("utf-8")), nl=False)
        say(f"Report: {path}", err=file_format in ("json", "junit"))
        return
    paths = write_benchmark_report(settings, benchmark_run, width=terminal_width())
    say(paths.summary)
    say(f"Markdown: {paths.markdown}")


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
