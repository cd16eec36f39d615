"""Every query of a benchmark run with what became of it in each arm: failed, disputed and wrong ones first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import groupby

from docmind_core.measurements.run_comparison import gold_of_run
from docmind_core.query_sets.queries import Query
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Table, figure, joined, run_sql, table_row
from docmind_core.reports.number_text import count_text
from docmind_core.reports.run_records import ArmRun, QueryRun
from docmind_core.reports.text_safety import one_line, shortened
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_batches, query_rows

QUERIES_SHOWN = 300
_TEXT_CHARACTERS = 120
FAILED, NOT_FINISHED, FALLBACK, RIGHT, WRONG, NOT_JUDGED = (
    "failed",
    "not finished",
    "fallback",
    "✓ right",
    "✗ wrong",
    "not judged",
)
_PASSED = """
select run_id, query_id, avg(value) as passed
from measurements
where run_id in $run_ids and metric = 'passed' and draw = 0
group by all
"""
_TEXTS = """
select query_id, any_value(query)
from query_runs
where run_id in $run_ids and query_id in $query_ids and phase is distinct from 'warmup'
group by all
"""
_Ranked = tuple[int, str, list[Cell]]
"""Rank and id of a query, and what each arm made of it."""


_BY_QUERY = (
    "select query_runs.query_id, runs.arm, query_runs.status, measurements.value as passed, billed_tokens, "
    "query_runs.answer from query_runs join runs using (run_id) left join measurements on "
    "measurements.run_id = query_runs.run_id and measurements.query_id = query_runs.query_id and "
    "measurements.replicate = query_runs.replicate and metric = 'passed'"
)


def query_table(settings: Settings, records: BenchmarkRecords, judged: ArmRun) -> Table:
    """Return a row per query and a column per arm, sorted by what `judged` made of it; at most `QUERIES_SHOWN` rows."""
    place = [arm.run_id for arm in records.arms].index(judged.run_id)
    first, count = _first(settings, records, place)
    asked = {"run_ids": list(records.arm_names), "query_ids": [query_id for _, query_id, _ in first]}
    texts = {str(query): str(text or "") for query, text in query_rows(settings, _TEXTS, asked)[1]}
    gold, _ = gold_of_run(settings, {"query_set_hash": judged.query_set_hash, "benchmark_run": judged.benchmark_run})
    return Table(
        caption=_caption(count, judged.arm),
        columns=("query", *(arm.arm for arm in records.arms), "gold answer"),
        rows=tuple(
            table_row(
                f"{query_id}: {shortened(one_line(texts[query_id]), characters=_TEXT_CHARACTERS)}",
                [*cells, _gold_text(gold.get(query_id))],
            )
            for _, query_id, cells in first
        ),
        sql=run_sql(judged.benchmark_run, _BY_QUERY, "phase is distinct from 'warmup'"),
    )


def _first(settings: Settings, records: BenchmarkRecords, place: int) -> tuple[list[_Ranked], int]:
    """Return what is shown, in its order, and how many queries there are in all."""
    passed: dict[str, dict[object, object]] = {run_id: {} for run_id in records.arm_names}
    with query_batches(settings, _PASSED, {"run_ids": list(records.arm_names)}) as batches:
        for batch in batches:
            for run_id, query_id, value in zip(*(column.to_pylist() for column in batch), strict=True):
                passed[run_id][query_id] = value
    count = 0

    def ranked() -> Iterator[_Ranked]:
        nonlocal count
        for query_id, runs in groupby(records.query_runs, key=lambda run: run.query_id):
            of_arms: dict[str, list[QueryRun]] = defaultdict(list)
            for run in runs:
                of_arms[run.run_id].append(run)
            cells = [_cell(of_arms.get(arm, []), passed[arm].get(query_id)) for arm in records.arm_names]
            count += 1
            yield _rank(cells, place), query_id, cells

    return nsmallest(QUERIES_SHOWN, ranked(), key=lambda one: one[:2]), count


def _caption(count: int, arm: str) -> str:
    shown = f"The first {QUERIES_SHOWN} of {count:,} queries" if count > QUERIES_SHOWN else "All queries"
    return f"{shown}: first those {arm} failed on, then those on which arms disagree, then wrong and right ones"


def _cell(runs: Sequence[QueryRun], passed: object) -> Cell:
    if not runs:
        return Cell(words=NOT_FINISHED)
    if not any(query.answered for query in runs):
        return Cell(words=FAILED, remark=runs[0].error_type or "")
    tokens = [query.billed_tokens for query in runs if query.billed_tokens is not None]
    cost = f"{count_text(sum(tokens) / len(tokens))} tokens" if tokens else ""
    fell_back = FALLBACK if any(query.fallback for query in runs) else ""
    share = None if passed is None else float(str(passed))
    verdict, remark = _verdict(share), joined(fell_back, cost)
    return Cell(words=verdict, remark=remark) if share is None else figure(share, "1", words=verdict, remark=remark)


def _verdict(share: float | None) -> str:
    if share is None:
        return NOT_JUDGED
    return RIGHT if share == 1 else WRONG if share == 0 else f"{share:.2f} of its replicates right"


def _rank(cells: Sequence[Cell], place: int) -> int:
    own, verdicts = cells[place].text, {cell.text for cell in cells if cell.text in (RIGHT, WRONG)}
    if own in (FAILED, NOT_FINISHED):
        return 0
    if len(verdicts) > 1:
        return 1 if own != RIGHT else 2
    return 3 if own == WRONG else 4 if own == NOT_JUDGED else 5


def _gold_text(query: Query | None) -> str:
    if query is None:
        return "not available"
    if query.expected_abstain:
        return "not in the documents"
    return shortened(one_line(" | ".join(query.gold_answers)), characters=_TEXT_CHARACTERS) or "none given"
