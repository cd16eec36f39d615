"""`docmind runs`, `suites`, `arms`, `manifest` and `sql`: what there is, what a run was made with, and its figures."""

import sys
from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows, print_table, say

if TYPE_CHECKING:
    from docmind_core.runs.run_states import BenchmarkRunState


@click.command()
@json_option
def runs(as_json: bool) -> None:
    """List the benchmark runs, newest first.

    \b
    Example:
      docmind runs
    """
    from docmind_core.runs.run_states import list_benchmark_runs
    from docmind_core.settings import load_settings

    settings = load_settings()
    states = list_benchmark_runs(settings)[::-1]
    if not states and not as_json:
        say("no benchmark runs yet; start one: docmind bench smoke")
        return
    rows: list[tuple[object, ...]] = [
        (state.benchmark_run, ", ".join(state.arms), _done(state), "yes" if state.finished else "no")
        if state.unreadable is None
        else (state.benchmark_run, "", "", f"unreadable: {state.unreadable}")
        for state in states
    ]
    pages = [settings.reports / state.benchmark_run / "index.html" for state in states]
    reports = [str(page) if page.is_file() else None for page in pages]
    names = ["benchmark_run", "arms", "queries", "finished"]
    if as_json:
        print_rows(
            [*names, "report"], [(*row, report) for row, report in zip(rows, reports, strict=True)], as_json=True
        )
        return
    print_rows(names, rows, as_json=False)
    if newest := next(filter(None, reports), None):
        say(f"Newest report: {newest}\nAll reports: docmind ui")


@click.command()
@json_option
def suites(as_json: bool) -> None:
    """List the bundled suites and those of this home.

    \b
    Example:
      docmind suites
    """
    from docmind_core.errors import SuiteError
    from docmind_core.settings import load_settings
    from docmind_core.suites.suite import bundled_suite_names, load_suite

    files = sorted(str(path) for path in (load_settings().home / "suites").glob("*.yaml"))
    rows: list[tuple[object, ...]] = []
    for source in (*bundled_suite_names(), *files):
        try:
            suite = load_suite(source)
        except SuiteError as error:
            say(str(error), err=True)
            continue
        limit = "all" if suite.limit is None else str(suite.limit)
        rows.append(
            (source, ", ".join(suite.query_sets), limit, ", ".join(suite.arms), suite.engine, suite.schedule or "")
        )
    print_rows(["suite", "query_set", "queries", "arms", "engine", "schedule"], rows, as_json=as_json)


@click.command(short_help="List the arms a suite can use, and their levers.")
@click.argument("suite", required=False, shell_complete=completion.suites)
@json_option
def arms(suite: str | None, as_json: bool) -> None:
    """List the arms a suite can use, and their levers.

    With SUITE (a bundled name or the path of a file), list its arms: what each is compared with, and what is unknown
    about its own systems.

    \b
    Examples:
      docmind arms
      docmind arms ./my-suite.yaml
    """
    if suite is None:
        _print_all_arms(as_json=as_json)
    else:
        _print_arms_of(suite, as_json=as_json)


def _print_all_arms(*, as_json: bool) -> None:
    from docmind_core.agents.arms import ARMS, EQUAL_IN_ALL, honours, lever_arms, reads_otherwise
    from docmind_core.agents.levers import LEVERS

    listed: list[tuple[object, ...]] = [
        (
            arm.name,
            ", ".join(sorted(arm.levers)),
            arm.compared_with,
            ", ".join(reads_otherwise(arm)),
            ", ".join(honours(arm)),
            arm.shows,
        )
        for arm in (*ARMS.values(), *lever_arms())
    ]
    names = ["arm", "levers", "compared with", "reads differently", "level settings", "what it shows"]
    print_rows(names, listed, as_json=as_json)
    if as_json:
        return
    say(f"\nThe same in every arm: {EQUAL_IN_ALL}\nSeveral levers at once: naive+LEVER+LEVER, tuned-LEVER-LEVER.\n")
    named = {(arm.compared_with, lever): arm.name for arm in lever_arms() for lever in arm.changed}
    print_table(
        ["lever", "what changes", "in naive_supervisor", "in tuned"],
        [
            (
                lever,
                facts.changes,
                named.get(("naive_supervisor", lever)) or f"refused: {facts.not_in_naive}",
                named.get(("tuned", lever)) or f"refused: {facts.not_in_tuned}",
            )
            for lever, facts in LEVERS.items()
        ],
    )


def _print_arms_of(name_or_path: str, *, as_json: bool) -> None:
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.suite_arms import suite_arm
    from docmind_core.runs.system_probe import unknown_of

    suite = read_suite(name_or_path)
    rows: list[tuple[object, ...]] = []
    for arm in (suite_arm(suite, name) for name in suite.arms):
        system = suite.system(arm.name)
        rows.append((arm.name, arm.compared_with, "; ".join(unknown_of(system)) if system else "", arm.shows))
    print_rows(["arm", "compared with", "unknown", "what it shows"], rows, as_json=as_json)


def _done(state: "BenchmarkRunState") -> str:
    return str(state.queries_done) if state.queries_total is None else f"{state.queries_done}/{state.queries_total}"


@click.command(short_help="Show the conditions of a run, or how those of two runs differ.")
@click.argument("run", shell_complete=completion.runs)
@click.option(
    "--diff",
    "other",
    metavar="RUN",
    help="Show only the differences between RUN and this run.",
    shell_complete=completion.runs,
)
@json_option
def manifest(run: str, other: str | None, as_json: bool) -> None:
    """Show the conditions of RUN: commit, prompts, suite, engine, packages, hardware.

    RUN is a run id (BENCHMARK_RUN.ARM), a benchmark run (all its arms), `latest`, or, with --diff, `baseline`. With
    --diff, two benchmark runs are compared arm by arm.

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
            say(" → ".join(run_ids) + ("" if found else ": no differences"))
            if found:
                print_table(names, [(field, *map(shown_value, values)) for field, *values in found])
    if as_json:
        keys = ["run_id"] if other is None else ["before_run_id", "after_run_id"]
        print_rows([*keys, *names], listed, as_json=True)


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
