"""Cost of `docmind import` for 100,000 questions, and for tables of 2 GB: python -m benchmarks.importing."""

import itertools
import json
import math
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from docmind_core.errors import DocMindError
from docmind_core.query_sets.importers.importing import ImportRequest, import_query_set

QUESTIONS = 100_000
SECONDS_MAX = 60.0
MEBIBYTES_MAX = 500.0
LARGE_BYTES = 2 * 1000**3
WORDS = tuple("".join(letters) for letters in itertools.product("bdklmnprst", "aeiou", "bdklmnprst", "aeiou"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one import took, in a process of its own."""

    said: str
    wall_s: float
    cpu_s: float
    peak_mib: float


def main() -> int:
    """Print a line per source; 0 when each is within the limits, else 1."""
    mapping = {"query": "question", "answers": "answer"}
    rows: list[tuple[str, Cost]] = []
    print("| source | MB | result | wall s | CPU s | MiB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, write, columns in SOURCES:
            source = Path(folder) / name
            source.parent.mkdir(parents=True, exist_ok=True)
            write(source)
            size = sum(path.stat().st_size for path in _files(source)) / 1e6
            cost = measured(source, Path(folder) / "set", mapping if columns else {})
            print(
                f"| {name} | {size:,.0f} | {cost.said} | {cost.wall_s:.1f} | {cost.cpu_s:.1f} | {cost.peak_mib:.0f} |"
            )
            rows.append((name, cost))
            for path in _files(source):
                path.unlink()
    # By CPU: other work on the machine is not the import's fault, and it waits for nothing but the disk.
    over = [name for name, cost in rows if cost.cpu_s > SECONDS_MAX or cost.peak_mib > MEBIBYTES_MAX]
    print(f"\nbeyond {SECONDS_MAX:g} CPU s or {MEBIBYTES_MAX:g} MiB: {over or 'none'}")
    return 1 if over else 0


def measured(source: Path, folder: Path, mapping: dict[str, str]) -> Cost:
    """Import `source` in a fork."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        cost = _imported(ImportRequest(source=source, folder=folder / source.name, mapping=mapping))
        os.write(write_end, json.dumps(asdict(cost)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return Cost(**json.loads(text)) if text else Cost(said="died", wall_s=math.inf, cpu_s=math.inf, peak_mib=math.inf)


def _imported(request: ImportRequest) -> Cost:
    began = time.monotonic()
    try:
        counts = import_query_set(request)[1].counts
        said = f"{counts['documents']:,} documents, {counts['queries']:,} questions"
    except DocMindError as error:
        said = str(error).splitlines()[0].replace(str(request.source.parent), "")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    return Cost(
        said=said,
        wall_s=time.monotonic() - began,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=int(peak.group(1)) / 1024 if peak else math.inf,
    )


def _files(source: Path) -> list[Path]:
    return [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]


def _texts(words: int) -> Iterator[str]:
    chance = random.Random(words)
    while True:
        yield " ".join(chance.choices(WORDS, k=words))


def _write_table(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("id,question,answer\n")
        file.writelines(
            f"{number},{question}?,{answer}\n"
            for number, question, answer in zip(range(QUESTIONS), _texts(12), _texts(3), strict=False)
        )


def _write_large_table(path: Path) -> None:
    rows = zip(range(20_000), _texts(13), _texts(4), strict=False)
    block = "".join(f"{question}?,{answer}\n" for _, question, answer in rows)
    with path.open("w", encoding="utf-8") as file:
        file.write("question,answer\n")
        while file.tell() < LARGE_BYTES:
            file.write(block)


def _write_unclosed_table(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('question,answer\n"never closed,')
        while file.tell() < LARGE_BYTES:
            file.write("some words, and no quote after them\n" * 100_000)


def _write_squad(path: Path) -> None:
    passages, questions = _texts(60), _texts(10)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"version": "1.1", "data": [')
        for number in range(QUESTIONS // 5):
            context = next(passages)
            answer = " ".join(context.split()[3:6])
            asked = [
                {"id": f"{number}-{place}", "question": f"{next(questions)}?", "answers": [_answer(context, answer)]}
                for place in range(5)
            ]
            article = {"title": f"Article {number}", "paragraphs": [{"context": context, "qas": asked}]}
            file.write(f"{', ' if number else ''}{json.dumps(article)}")
        file.write("]}")


def _answer(context: str, answer: str) -> dict[str, object]:
    return {"text": answer, "answer_start": context.index(answer)}


def _write_beir(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    passages, questions, chance = _texts(60), _texts(10), random.Random(1)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for number in range(QUESTIONS):
            file.write(json.dumps({"_id": f"d{number}", "title": "", "text": next(passages)}) + "\n")
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"_id": f"q{number}", "text": f"{next(questions)}?"}) + "\n" for number in range(QUESTIONS)
        )
    with (folder / "qrels" / "test.tsv").open("w", encoding="utf-8") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        file.writelines(
            f"q{number}\td{chance.randrange(QUESTIONS)}\t{grade}\n" for number in range(QUESTIONS) for grade in (1, 2)
        )


def _write_hotpotqa(path: Path) -> None:
    passages, questions = _texts(15), _texts(10)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(QUESTIONS):
            context = [[f"{number} {place}", [next(passages), next(passages)]] for place in range(1)]
            values = {
                "_id": str(number),
                "question": f"{next(questions)}?",
                "answer": context[0][1][0].split()[0],
                "supporting_facts": [[f"{number} 0", 0]],
                "context": context,
            }
            file.write(f"{', ' if number else ''}{json.dumps(values)}")
        file.write("]")


SOURCES: tuple[tuple[str, Callable[[Path], None], bool], ...] = (
    ("table.csv", _write_table, True),
    ("squad.json", _write_squad, False),
    ("hotpotqa.json", _write_hotpotqa, False),
    ("beir", _write_beir, False),
    ("large.csv", _write_large_table, True),
    ("unclosed.csv", _write_unclosed_table, True),
)
"""Name, writer, and whether the columns are named."""


if __name__ == "__main__":
    sys.exit(main())
