"""`docmind report`: write the report of a benchmark run again."""

import click


@click.command()
@click.argument("benchmark_run", required=False)
def report(benchmark_run: str | None) -> None:
    """Write the report of a benchmark run again.

    It is made from the database; without BENCHMARK_RUN, of the newest one.

    \b
    Examples:
      docmind report
      docmind report 20261122T020000Z-smoke-7f3a
    """
    from docmind_core.errors import UsageError
    from docmind_core.reports.benchmark import write_benchmark_report
    from docmind_core.settings import load_settings
    from docmind_core.tables.reading import query_rows

    settings = load_settings()
    if benchmark_run is None:
        _, rows = query_rows(settings, "select max(benchmark_run) from runs")
        if rows[0][0] is None:
            raise UsageError("the database holds no benchmark run yet. Run one: docmind bench smoke")
        benchmark_run = str(rows[0][0])
    paths = write_benchmark_report(settings, benchmark_run)
    click.echo(paths.summary)
    click.echo(f"Markdown: {paths.markdown}")
