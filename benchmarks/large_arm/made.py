"""A benchmark run with arms of any number of queries: a few are asked, and their rows in the journal multiplied."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.fakes.engine_server import FakeEngine

ASKED = 20
"""Different queries that are really asked."""
_TOPICS = ("river", "harbour", "tower", "library", "garden", "bridge", "market", "mill", "school", "station")


def write_query_set(folder: Path, count: int) -> None:
    """Write `count` queries about 200 documents; the first ones are the same whatever the number."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as file:
        for number in range(200):
            topic = _TOPICS[number % len(_TOPICS)]
            text = f"The {topic} number {number} was built in {1500 + number}. " + f"It is a {topic} of the town. " * 20
            file.write(json.dumps({"doc_id": f"d{number}", "title": f"{topic} {number}", "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            about = number % ASKED
            line = {
                "query_id": _name(about, number // ASKED),
                "query": f"When was the {_TOPICS[about % len(_TOPICS)]} number {about} built? ({number})",
                "answers": [str(1500 + about)],
                "gold_doc_ids": [f"d{about}"],
                "evidence": [{"doc_id": f"d{about}", "text": f"was built in {1500 + about}"}],
            }
            file.write(json.dumps(line) + "\n")


def make_run(settings: Settings, folder: Path, count: int, arms: list[str]) -> str:
    """Return the key of a benchmark run whose journal has `count` queries of each arm, and nothing else of it."""
    write_query_set(folder, ASKED)
    with FakeEngine() as engine:
        suite = Suite(
            name="large", query_set=str(folder), arms=tuple(arms), engine=engine.url, warmup=0,
            limits={"agent_latency_p95_s": 60.0},
        )  # fmt: skip
        key = freeze_benchmark_run(suite, settings)
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    write_query_set(folder, count)
    _multiply(journal_path(settings, key), count, load_query_set(str(folder)).query_set_hash)
    return key


def _name(about: int, copy: int) -> str:
    return f"q{about}-{copy}"


def _multiply(path: Path, count: int, query_set_hash: str) -> None:
    """Write each query of a journal again under other names, in a cluster of its own, and its attempts with it."""
    attempt = "run_id, {}, replicate, agent, task, request_hash, call_id || '-' || copy, attempt, ended, {}"
    copies = (
        "(with recursive numbers(copy) as (select 1 union all select copy + 1 from numbers where copy < ?) "
        "select copy from numbers)"
    )
    name = "replace(query_id, '-0', '-' || copy)"
    rows = _replaced("rows", '"query_id":"\' || query_id || \'"', f'"query_id":"\' || {name} || \'"')
    row = _replaced("row", '"query_id":"\' || query_id || \'"', f'"query_id":"\' || {name} || \'"')
    row = f"replace({row}, call_id, call_id || '-' || copy)"
    for before in ('"cluster_id":"', '"query":"'):
        rows = _replaced(rows, before, f"{before}' || copy || ' ")
    with closing(sqlite3.connect(path)) as journal, journal:
        more = count // ASKED - 1
        journal.execute(
            f"insert into attempts select {attempt.format(name, row)} from {copies} cross join attempts",
            (more,),
        )
        journal.execute(
            f"insert into finished_queries select run_id, {name}, replicate, {rows} "
            f"from {copies} cross join finished_queries",
            (more,),
        )
        facts = "json_set(facts, '$.expected_queries', ?, '$.query_set_hash', ?)"
        journal.execute(f"update arms set facts = {facts}", (count, query_set_hash))


def _replaced(value: str, old: str, new: str) -> str:
    return f"replace({value}, '{old}', '{new}')"
