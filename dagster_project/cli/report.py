"""`docmind report`: write the report of a benchmark run again, or the guide's report of the last hours."""

from typing import TYPE_CHECKING, cast

import click

from dagster_project.cli import completion

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
    from dagster_project.cli.terminal_text import say
    from docmind_core.reports.period import json_text, write_period_report

    written = write_period_report(settings, hours, file_format)
    if file_format == "json":
        click.echo(plain_json(json_text(written.document)), nl=False)
        say(f"Report: {written.path}", err=True)
    else:
        say(written.summary)


def _report_benchmark(settings: "Settings", benchmark_run: str | None, file_format: "ReportFormat | None") -> None:
    from dagster_project.cli.result_formats import plain_json
    from dagster_project.cli.terminal_text import say
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
