"""`docmind`: runs benchmarks and shows what they found."""

import sys
import traceback
from collections.abc import Sequence

import click

from dagster_project.cli.alerts import alerts
from dagster_project.cli.baseline import baseline
from dagster_project.cli.bench import bench
from dagster_project.cli.check import check
from dagster_project.cli.compare import compare
from dagster_project.cli.demo import demo
from dagster_project.cli.doctor import doctor
from dagster_project.cli.engine import engine
from dagster_project.cli.gate import gate
from dagster_project.cli.importing import import_
from dagster_project.cli.init import init
from dagster_project.cli.listing import arms, manifest, runs, sql, suites
from dagster_project.cli.prune import prune
from dagster_project.cli.report import report, rescore
from dagster_project.cli.schedule import schedule
from dagster_project.cli.service import service
from dagster_project.cli.systems import systems
from dagster_project.cli.terminal_text import failed_to_print, flush_stdout, prepare_streams, say, write_nothing_more
from dagster_project.cli.ui import ui
from docmind_core.errors import DocMindError, UsageError
from docmind_core.settings import turn_telemetry_off

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="docmind-eval")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; works before or after any command.")
def docmind(debug: bool) -> None:
    """Measure agent systems in batches: tokens, time, memory and quality.

    \b
    Examples:
      docmind demo                         show a recorded run, without an engine
      docmind bench smoke                  run the bundled suite `smoke`
      docmind runs                         list the benchmark runs of this home
      docmind sql "from token_efficiency"  query the metrics
      docmind ui                           open Dagster's web UI

    Results are stored in the home, the folder set by DOCMIND_HOME (default: .docmind).
    """


COMMANDS = (
    demo,
    init,
    bench,
    check,
    import_,
    runs,
    compare,
    baseline,
    gate,
    manifest,
    rescore,
    sql,
    report,
    engine,
    ui,
    suites,
    arms,
    prune,
    doctor,
    alerts,
    schedule,
    service,
    systems,
)
for command in COMMANDS:
    docmind.add_command(command)


def main() -> None:
    """Run the command line of this process and exit."""
    turn_telemetry_off()
    prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error becomes one line on stderr."""
    code = _run(arguments)
    return _lost(error) if (error := flush_stdout()) else code


def _lost(error: OSError) -> int:
    write_nothing_more()
    if not isinstance(error, BrokenPipeError):  # a closed pipe means that its reader wants no more
        say(f"docmind: can't write to standard output: {error.strerror or error}", err=True)
    return EXIT_ERROR


def _run(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    words = [text for text in arguments if text != "--debug"]
    try:
        result = docmind.main(words, prog_name="docmind", standalone_mode=False)
    except click.ClickException as error:
        return _refuse(error, words)
    except click.exceptions.Exit as request:
        return request.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        return _interrupted(stop)
    except Exception as error:  # noqa: BLE001 - the process boundary
        if isinstance(error, OSError) and failed_to_print(error):
            return _lost(error)
        return _explain(error, debug=debug)
    return result if isinstance(result, int) else 0  # click hands over the code of Context.exit() as the result


def _refuse(error: click.ClickException, words: Sequence[str]) -> int:
    """Say what is wrong with the words of a command line, and where its help is, as `DocMindError` does."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)  # None where an option lacks its value
    named = " ".join(["docmind", *(word for word in words[:1] if word in docmind.commands)])
    command = context.command_path if context else named
    said = error.format_message().removesuffix(".")
    end = "" if said.endswith("?") else "."
    say(f"{command}: {said[:1].lower()}{said[1:]}{end} See: {command} --help", err=True)
    return error.exit_code


def _interrupted(stop: BaseException) -> int:
    command_said = isinstance(stop, click.Abort | KeyboardInterrupt) and (stop.__cause__ or stop).args
    if not command_said:  # how to resume, else there is nothing to resume
        say("interrupted", err=True)
    return EXIT_INTERRUPTED


def _explain(error: Exception, *, debug: bool) -> int:
    # DuckDB's own word for Ctrl-C in the middle of a query.
    if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
        return _interrupted(error)
    if debug:
        say("".join(traceback.format_exception(error)).rstrip(), err=True)
    elif isinstance(error, DocMindError):
        say(f"docmind: {error}", err=True)
    else:
        say(f"docmind: {_full_disk(error) or _internal(error)}", err=True)
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR


def _internal(error: Exception) -> str:
    return f"internal error, {type(error).__name__}: {error}. For the traceback, add --debug"


def _full_disk(error: Exception) -> str | None:
    """A library that can't write says so in words of its own, such as `disk I/O error`."""
    from docmind_core.runs.disk_space import full_disk
    from docmind_core.settings import load_settings

    return full_disk(load_settings(), error)
