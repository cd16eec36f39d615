"""`docmind compare`: what changed between two runs, whether it is real, and which queries broke."""

from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion

if TYPE_CHECKING:
    from docmind_core.measurements.run_comparison import RunComparison


@click.command(short_help="Compare two runs, query by query.")
@click.argument("candidate", shell_complete=completion.runs)
@click.argument("baseline", default="baseline", shell_complete=completion.runs)
@click.option("--allow", "allowed", multiple=True, metavar="FIELD", help="Allow FIELD to differ; repeatable.")
@click.option(
    "--arm",
    "arms",
    multiple=True,
    metavar="ARM",
    help="Compare only this arm; repeatable.",
    shell_complete=completion.arms,
)
@click.option(
    "--flips", type=click.IntRange(min=0), metavar="N", help="Show N flipped queries; default 10, in JSON all."
)
@click.option("--slices", is_flag=True, help="Show every slice, not only those that changed.")
@click.option("--json", "form", flag_value="json", help="Print all numbers as JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a pull request.")
def compare(candidate: str, baseline: str, allowed: tuple[str, ...], arms: tuple[str, ...], **shown: object) -> None:
    """Compare the run CANDIDATE with the run BASELINE, query by query.

    Each is a run id (BENCHMARK_RUN.ARM), a benchmark run (all its arms), `latest`, or `baseline`: the run pinned for
    that suite and arm (docmind baseline pin). BASELINE defaults to `baseline`.

    Two runs are comparable only if everything that affects their numbers is equal; otherwise the fields that differ
    are listed. To compare runs that differ in FIELD on purpose, use --allow FIELD. Possible causes of a regression
    (commit, prompts, engine version, packages) may differ and are listed. The rows are stored in the table
    `comparisons`. Exit code 2: the two runs can't be compared.

    \b
    Examples:
      docmind compare latest
      docmind compare latest 20261122T020000Z-smoke-7f3a
      docmind compare KEY.tuned KEY.naive_supervisor --allow arm
      docmind compare latest baseline --allow model --markdown
    """
    from docmind_core.errors import UsageError
    from docmind_core.measurements.run_comparison import compare_runs, refuse_unknown_fields
    from docmind_core.runs.run_names import arm_of, paired_runs
    from docmind_core.settings import load_settings
    from docmind_core.tables.publish import publish

    settings = load_settings()
    flips = shown["flips"] if isinstance(shown["flips"], int) else None
    pairs = [pair for pair in paired_runs(settings, candidate, baseline) if not arms or arm_of(pair[0]) in arms]
    if not pairs:
        raise UsageError(f"no arm {', '.join(arms)} in {candidate}. List the arms of each run: docmind runs")
    refuse_unknown_fields(settings, pairs[0][0], allowed)
    found = [compare_runs(settings, *pair, allowed=allowed) for pair in pairs]
    publish(settings)
    _PRINTERS[str(shown["form"])](found, flips, bool(shown["slices"]))


def _print_json(found: "list[RunComparison]", flips: int | None, _slices: bool) -> None:
    import json

    from dagster_project.cli.result_formats import plain_json
    from docmind_core.reports.run_comparison_page import as_json

    content = [as_json(one, flips) for one in found]
    click.echo(plain_json(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)))


def _print_markdown(found: "list[RunComparison]", flips: int | None, slices: bool) -> None:
    from docmind_core.reports.run_comparison_page import FLIPS_SHOWN, markdown

    shown = FLIPS_SHOWN if flips is None else flips
    click.echo("\n".join(markdown(one, slices=slices, flips=shown) for one in found), nl=False)


def _print_text(found: "list[RunComparison]", flips: int | None, slices: bool) -> None:
    from dagster_project.cli.terminal_text import print_table, say, say_wrapped
    from docmind_core.reports import run_comparison_page as page

    shown = page.FLIPS_SHOWN if flips is None else flips
    for place, one in enumerate(found):
        say("\n" * bool(place) + "\n".join(page.headline(one)))
        print_table(*page.terminal_table(one, slices=slices), keep=page.DECIDING)
        say("\n".join(page.changed_lines(one)))
        for flip in page.flip_texts(one, shown):
            say(f"\n{flip.heading}")
            for label, text in flip.lines:
                say_wrapped(f"  {label}", text)
        if len(one.flips) > shown:
            say(f"\n{len(one.flips) - shown} more flipped queries: --flips {len(one.flips)}")


_PRINTERS = {"json": _print_json, "markdown": _print_markdown, "None": _print_text}
