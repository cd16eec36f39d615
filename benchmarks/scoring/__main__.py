"""What scoring a benchmark run costs: python -m benchmarks.scoring --answers 10000."""

import argparse
import json
import os
import random
import tempfile
from pathlib import Path

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import Evidence, Query, QuerySet, build_query_set
from docmind_core.settings import Settings
from tests.builders import BENCHMARK_RUN, RUN_ID, make_query_run_row, write_rows

DOCUMENTS, PASSAGES_READ, RANKED = 2_000, 5, 20
LABELLED = Path("tests/measurements/labelled_answers.jsonl")
WORDS = tuple(f"{first}{second}" for first in ("ka", "lo", "mi", "pre", "sta", "vor") for second in "aeiounrst")


def main() -> None:
    """Print a line per size: answers, rows of measurements, metrics per answer, seconds of CPU and of the clock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, nargs="+", default=[1_000, 10_000])
    print("| answers | metrics | rows | CPU s | wall s |\n|---|---|---|---|---|")
    for size in parser.parse_args().answers:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(home=Path(folder) / "home")
            query_set = write_run(settings, size)
            before = os.times()
            rows = score_benchmark_run(settings, BENCHMARK_RUN, query_set)
            after = os.times()
            cpu_s = after.user + after.system - before.user - before.system
            wall_s = after.elapsed - before.elapsed
            print(f"| {size:,} | {rows // size} | {rows:,} | {cpu_s:.1f} | {wall_s:.1f} |", flush=True)


def write_run(settings: Settings, size: int) -> QuerySet:
    """Write an arm of `size` queries, each different, answered as the labelled answers are; return its query set."""
    dice = random.Random(size)
    documents = [
        Document(doc_id=f"d{number}", title=f"Title {number}", text=words(dice, 300)) for number in range(DOCUMENTS)
    ]
    labelled = [json.loads(line) for line in LABELLED.read_text("utf-8").splitlines()]
    queries, rows, retrieved = [], [], []
    for number in range(size):
        row, document = labelled[number % len(labelled)], documents[number % DOCUMENTS]
        queries.append(as_query(f"q{number}", row, document))
        read = [f"{dice.choice(documents).doc_id}#0" for _ in range(PASSAGES_READ - 1)] + [f"{document.doc_id}#0"]
        rows.append(
            make_query_run_row(
                f"q{number}",
                answer=f"{row['answer']} {words(dice, 20)}" if row["style"] == "chatty" else row["answer"],
                abstained=row["refused"],
                citations=json.dumps(read[:2]),
                passages=json.dumps(read),
            )
        )
        retrieved.extend(
            {
                "query_id": f"q{number}",
                "replicate": 0,
                "ranking": "candidates",
                "span_id": "root",
                "rank": rank,
                "chunk_id": f"{dice.choice(documents).doc_id}#{rank % 3}",
            }
            for rank in range(1, RANKED + 1)
        )
    write_rows(settings, {"query_runs": rows, "retrieved": retrieved}, RUN_ID)
    return build_query_set("scoring", documents, queries)


def as_query(query_id: str, row: dict[str, object], document: Document) -> Query:
    """Make a query of a labelled answer, with its evidence in the document."""
    answers = tuple(map(str, row["answers"]))  # type: ignore[call-overload]
    return Query(
        query_id=query_id,
        text=f"{row['query']} ({query_id})",
        gold_answers=answers,
        gold_doc_ids=(document.doc_id,) if answers else (),
        expected_abstain=not answers,
        free_form=bool(row.get("free_form")),
        evidence=(Evidence(doc_id=document.doc_id, text=document.text[40:160]),) if answers else (),
    )


def words(dice: random.Random, count: int) -> str:
    """Return made-up text in sentences of 12 words."""
    text = dice.choices(WORDS, k=count)
    return " ".join(f"{' '.join(text[begin : begin + 12])}." for begin in range(0, count, 12))


if __name__ == "__main__":
    main()
