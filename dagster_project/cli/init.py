"""`docmind init`: a suite with two questions that run at once."""

import json
from pathlib import Path

import click

_DOCUMENTS = (
    {
        "doc_id": "bern",
        "title": "Bern",
        "text": "Bern is the seat of the Swiss government. About 135,000 people live there.",
    },
    {"doc_id": "zurich", "title": "Zurich", "text": "Zurich is the largest city of Switzerland."},
)
_QUERIES = (
    {
        "query_id": "seat",
        "query": "Which city is the seat of the Swiss government?",
        "answers": ["Bern", "Berne"],
        "gold_doc_ids": ["bern"],
    },
    {
        "query_id": "largest",
        "query": "What is the largest city of Switzerland?",
        "answers": ["Zurich", "Zürich"],
        "gold_doc_ids": ["zurich"],
    },
)
_SUITE = """# Run it: docmind bench {path}
# Every key: docs/suites.md
name: {name}
query_set: ./questions     # documents.jsonl and queries.jsonl: replace them with yours
arms: [single_pass]        # ways to answer: docmind arms
engine: {engine}
answer_max_tokens: 32
"""


@click.command(short_help="Write a suite and two questions, ready to run.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--engine", default="cpu-smollm2", show_default=True, metavar="URL|PROFILE", help="As in docmind bench.")
def init(folder: Path, engine: str) -> None:
    """Write a suite and a query set of two questions into FOLDER, ready to run.

    \b
    Examples:
      docmind init my-suite
      docmind init my-suite --engine http://gpu-server:8000
    """
    from dagster_project.cli.terminal_text import say
    from docmind_core.errors import UsageError
    from docmind_core.suites.suite import parse_suite

    path, questions = folder / "suite.yaml", folder / "questions"
    if path.exists() or questions.exists():
        raise UsageError(f"{folder} already has a suite. Choose another folder, or run it: docmind bench {path}")
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in folder.resolve().name.lower())
    text = _SUITE.format(path=path, name=name.strip("-")[:40] or "my-suite", engine=json.dumps(engine))
    parse_suite(text, source=str(path))
    questions.mkdir(parents=True)
    for file, lines in (("documents", _DOCUMENTS), ("queries", _QUERIES)):
        content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        (questions / f"{file}.jsonl").write_text(content, "utf-8")
    path.write_text(text, "utf-8")
    say(f"{path}: one arm, two questions. Replace the questions with yours, then:")
    say(f"  docmind check {path}\n  docmind bench {path}")
