"""`docmind sql`: a question to the published database, read-only and bounded."""

import sys

import click

from dagster_project.cli.terminal_text import say


@click.command()
@click.argument("question", metavar="SQL")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--json", "form", flag_value="json", help="Print a list of objects.")
@click.option(
    "--max-rows", type=click.IntRange(min=1), default=1000, show_default=True, help="Print at most this many rows."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Cancel the query after this many seconds.",
)
def sql(question: str, form: str | None, max_rows: int, timeout_s: float) -> None:
    """Query the metrics with SQL.

    SQL uses DuckDB's dialect; "-" reads it from stdin. The database is opened read-only, a query can't access other
    files and may use 2 GB of memory. It also works during a benchmark: you see the data up to its last finished arm.
    In CSV, text that a spreadsheet would evaluate is prefixed with an apostrophe; JSON keeps values exactly.

    \b
    Examples:
      docmind sql "from token_efficiency"
      docmind sql "select run_id, state from ledger_balance" --csv
      docmind sql "select view_name, comment from duckdb_views() where not internal"
      docmind sql - < question.sql
    """
    from dagster_project.cli.result_formats import write_csv, write_json
    from dagster_project.cli.terminal_text import print_table
    from docmind_core.settings import load_settings
    from docmind_core.tables.reading import ask_within_bounds

    text = sys.stdin.read() if question == "-" else question
    names, rows = ask_within_bounds(
        load_settings(), text, max_rows=max_rows + 1, timeout_s=timeout_s, json_as_values=form == "json"
    )
    writer = {"csv": write_csv, "json": write_json, None: print_table}[form]
    writer(names, rows[:max_rows])
    if len(rows) > max_rows:
        say(f"first {max_rows} rows; see more with --max-rows", err=True)
