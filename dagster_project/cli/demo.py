"""`docmind demo`: a recorded benchmark run, to look at without an engine."""

from pathlib import Path

import click

DEFAULT_FOLDER = ".docmind-demo"
_QUESTION = (
    "select arm, billed_tokens / n_query_runs as tokens_per_query from token_efficiency where agent = 'all' order by 2"
)


@click.command(short_help="Show a recorded benchmark run, without an engine.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_FOLDER)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.option("--no-ui", is_flag=True, help="Do not start the web UI or open a browser.")
def demo(folder: Path, port: int, no_ui: bool) -> None:
    """Show a recorded benchmark run: its report, its tables in SQL, and the web UI. Requires no engine and no torch.

    Unpacks the run into FOLDER (.docmind-demo by default), a separate home, so your own results are not touched.

    \b
    Examples:
      docmind demo
      docmind demo --no-ui
      docmind demo /tmp/demo --port 3001
    """
    from dagster_project.cli.terminal_text import print_table, say
    from docmind_core.reports.benchmark import write_benchmark_report
    from docmind_core.reports.terminal_layout import terminal_width
    from docmind_core.runs.recorded_run import bundled_recording, recorded_note, unpack
    from docmind_core.settings import Settings
    from docmind_core.tables.publish import publish
    from docmind_core.tables.reading import query_rows

    settings = Settings(home=folder.absolute())
    benchmark_run = unpack(bundled_recording(), settings)
    publish(settings)
    written = write_benchmark_report(settings, benchmark_run, width=terminal_width())
    say(written.summary)
    say(f"{recorded_note(settings)}\n")
    say(f'DOCMIND_HOME={folder} docmind sql "{_QUESTION}"')
    print_table(*query_rows(settings, _QUESTION))
    if no_ui:
        say(f"\nThe web UI: docmind demo {folder}. The report: {written.html}")
        return
    from dagster_project.cli.ui import serve
    from dagster_project.launch import materialize_recorded

    _show(written.html)
    materialize_recorded(settings, benchmark_run)
    serve(settings, port, read_only=True)


def _show(page: Path) -> None:
    """Open a page where there is a browser with a window; one of the terminal would take it over."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(page.as_uri())
