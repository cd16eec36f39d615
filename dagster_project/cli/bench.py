"""`docmind bench`: run a suite, or resume one that was interrupted."""

import re
from typing import Any, cast

import click

from dagster_project.cli import completion


class _More(click.ParamType[int]):
    name = "+N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"\+([0-9]{1,4})", str(value))
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is not a number of replicates to add; write it like +5", param, ctx)
        return int(found[1])


class _Places(click.ParamType[int | str]):
    """A number of calls in flight, or `auto`."""

    name = "number or auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return "auto" if value == "auto" else click.IntRange(1, 1024).convert(cast("Any", value), param, ctx)


@click.command()
@click.argument("suite", metavar="SUITE|RUN", shell_complete=completion.suites)
@click.option(
    "--engine",
    metavar="URL|PROFILE",
    help="URL of a running vLLM server (replicas: URL,URL), or the engine profile to start.",
)
@click.option("--model", metavar="NAME", help="Model to request; by default the only one the engine serves.")
@click.option("--api-key-env", metavar="NAME", help="Name of the environment variable that holds the engine's API key.")
@click.option("--arms", metavar="A,B", help="Run these arms instead of the suite's.", shell_complete=completion.arms)
@click.option(
    "--aa",
    metavar="ARM",
    help="Run ARM twice, as ARM and ARM.again, in at least 6 blocks, to measure random variation.",
    shell_complete=completion.arms,
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Run the first N queries of the seeded order.")
@click.option(
    "--concurrency",
    type=_Places(),
    metavar="N|auto",
    help="Queries in flight at once; auto: as many as vLLM can process.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Number of worker processes; useful from 100 calls in flight.",
)
@click.option(
    "--routing",
    type=click.Choice(["fixed", "dependencies", "free"]),
    help="Which agents the supervisor of naive_supervisor may choose next.",
)
@click.option(
    "--strategy",
    type=click.Choice(["keyword_search", "semantic_search", "hybrid_search"]),
    help="Search strategy of every arm; keyword_search needs no embeddings.",
)
@click.option("--replicates", type=_More(), metavar="+N", help="Ask each query of the finished RUN N more times.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",  # the newest unfinished one
    metavar="[KEY]",
    help="Resume a benchmark run of SUITE: the newest unfinished one, or KEY.",
    shell_complete=completion.benchmark_runs,
)
@click.option(
    "--resume-anyway",
    is_flag=True,
    help="Resume even if something changed; the run is then marked not comparable.",
)
@click.option(
    "--redo-interrupted",
    is_flag=True,
    help="With --resume: rerun interrupted queries from the beginning, so that their tokens and times are measured.",
)
@click.option("--fail-on", type=click.Choice(["missed"]), help="missed: exit with code 1 if a limit is missed, for CI.")
def bench(suite: str, replicates: int | None, resume: str | None, fail_on: str | None, **given: object) -> None:
    """Run a suite and write its report.

    SUITE is a bundled name or the path of a YAML file. Launches the same Dagster job as the UI and the schedules, so
    the run shows up there too. Finished model calls are always kept: after an interruption, --resume continues after
    the last one, and --redo-interrupted reruns the queries that were in progress.

    With --replicates, RUN is a finished benchmark run, or `latest`. Each of its arms asks each query N more times under
    the same conditions; scores, comparisons and report then cover all replicates.

    \b
    Examples:
      docmind bench smoke
      docmind bench smoke --limit 2 --arms single_pass
      docmind bench smoke --engine http://127.0.0.1:8000 --model my-model
      docmind bench smoke --engine https://gpu-server:8000 --api-key-env MY_KEY
      docmind bench ./my-suite.yaml
      docmind bench smoke --limit 24 --aa tuned
      docmind bench smoke --resume
      docmind bench smoke --resume --redo-interrupted
      docmind bench ./my-suite.yaml --fail-on missed
      docmind bench --replicates +5 latest
    """
    # Dagster alone takes two seconds to import: only the command that needs it pays.
    from dagster_project.cli.bench_run import add_replicates, refuse_missed_limits, resume_suite, start_suite

    how = {name: bool(given.pop(name)) for name in ("resume_anyway", "redo_interrupted")}
    changes = {name: value for name, value in given.items() if value is not None}
    if replicates is not None:
        if changes or resume is not None or any(how.values()):
            raise click.UsageError("--replicates uses the run's own settings; remove all other options.")
        refuse_missed_limits(add_replicates(suite, replicates), fail_on)
        return
    if resume is None and (alone := [name for name, is_given in how.items() if is_given]):
        raise click.UsageError(f"--{alone[0].replace('_', '-')} requires --resume.")
    if "aa" in changes and "arms" in changes:
        raise click.UsageError("use --aa or --arms, not both.")
    key = start_suite(suite, changes) if resume is None else resume_suite(suite, resume, changes, **how)
    refuse_missed_limits(key, fail_on)
