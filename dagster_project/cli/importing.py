"""`docmind import`: another tool's questions as a query set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagster_project.cli.terminal_text import say

if TYPE_CHECKING:
    from docmind_core.query_sets.importers.importing import Imported, ImportRequest
    from docmind_core.query_sets.queries import QuerySet


@click.command("import", short_help="Convert a published format or any table to a query set.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "format_name", metavar="F", help="Format, if it is not detected.")
@click.option("--split", metavar="S", help="Split to import from a folder: train, dev, test, ...")
@click.option("--map", "pairs", metavar="FIELD=COLUMN,...", multiple=True, help="Column of each field, for any table.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Import the first N questions.")
@click.option("--json", "as_json", is_flag=True, help="Print the content of source.json.")
def import_(source: Path, folder: Path, *, pairs: tuple[str, ...], as_json: bool, **chosen: Any) -> None:
    """Convert SOURCE into a query set in the new folder FOLDER, and check it.

    SOURCE is a file or a folder, plain or gzipped. The format is detected:

    \b
      beir trec squad hotpotqa (2WikiMultihopQA too) musique multihop-rag dpr nq-open clapnq
      financebench rageval pubmedqa ragas autorag inspect promptfoo deepeval nat
      table: any CSV, TSV, JSON, JSON Lines, Parquet or XLSX (with openpyxl), with --map

    --map names the column of each field: query, query_id, answers, gold_doc_ids, contexts, type, expected_abstain,
    free_form, tags. FOLDER gets documents.jsonl, queries.jsonl and source.json, which records where they came from
    and what was left out. Exit code 2: SOURCE can't be imported; prints one line per problem.

    \b
    Examples:
      docmind import hotpot_dev_distractor_v1.json hotpot
      docmind import scifact scifact-test --split test
      docmind import questions.csv faq --map query=question,answers=reference
    """
    from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set
    from docmind_core.query_sets.importers.table import parsed_mapping

    request = ImportRequest(source=source, folder=folder, mapping=parsed_mapping(pairs), **chosen)
    query_set, imported = import_query_set(request)
    if as_json:
        _print_json(imported)
    else:
        _print_summary(request, query_set, imported)


def _print_json(imported: "Imported") -> None:
    import json
    from dataclasses import asdict

    from dagster_project.cli.result_formats import plain_json

    click.echo(plain_json(json.dumps(asdict(imported), ensure_ascii=False, indent=2)))


def _print_summary(request: "ImportRequest", query_set: "QuerySet", imported: "Imported") -> None:
    from docmind_core.reports.text_safety import one_line
    from docmind_core.runs.input_check import checked_query_set

    checked = checked_query_set(query_set)
    say(one_line(f"imported {request.source} as {imported.format} into {request.folder}"))
    say(one_line(checked.summary))
    for notice in checked.notices:
        say(f"note: {one_line(notice)}")
    say(one_line(f"to run it, write a suite with the line `query_set: {request.folder}`"))
