"""A few queries in full: what was asked, what each arm answered, from which passages, and what each agent said."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.detail_tables import shown_error
from docmind_core.reports.example_steps import Step, read_steps
from docmind_core.reports.number_text import count_text, counted, duration_text, not_measured, ratio_text
from docmind_core.reports.run_records import QueryRun, parse_object
from docmind_core.retrieval.index import read_chunk_texts
from docmind_core.serving.reply_endings import ENDINGS, STOP
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows

EXAMPLES = 5
RULE = (
    "Selected automatically: the queries whose token F1 differs most between arms, then those with the most tokens. "
    "The database has no gold answers; the scores show how close an answer is."
)
SHOWN_SCORES = ("exact_match", "token_f1", "passed")
_DECIDING_SCORE = "token_f1"
_CHOSEN = """
with spreads as (
    select query_id, max(value) - min(value) as spread
    from measurements
    where run_id in $run_ids and metric = $metric and replicate = 0 and draw = 0
    group by query_id
),
costs as (
    select query_id, sum(coalesce(billed_tokens, 0)) as tokens
    from query_runs
    where run_id in $run_ids and replicate = 0 and phase is distinct from 'warmup'
    group by query_id
)
select query_id
from costs
left join spreads using (query_id)
order by coalesce(spread, 0) desc, tokens desc, query_id
limit $examples
"""

Scores = Mapping[tuple[str, str, str], tuple[float | None, str | None]]
"""Value and reason of replicate 0, by run_id, query_id and metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that reached the model."""

    chunk_id: str
    doc_id: str = ""
    text: str = ""
    """As the model read it; empty when the index that held it is gone."""
    is_cut: bool = False
    """Whether the model read it otherwise than it was found: cut to the window or the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One attempt of one model call of one agent."""

    agent: str
    task: str
    attempt: int
    cost: str
    """Tokens and time in words."""
    text: str
    problem: str = ""
    """Why there is no reply, or what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmAnswer:
    """What one arm made of the query."""

    arm: str
    answer: str | None = None
    outcome: str
    """`answered`, or how it failed, or why a fallback answered."""
    scores: tuple[tuple[str, str], ...]
    cost: str
    citations: tuple[str, ...]
    passages: tuple["Passage", ...] | None = None
    """None when no passages were asked for."""
    agent_sequence: tuple[str, ...]
    steps: tuple[Step, ...]
    """What the agents did, those among them that make no call."""
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleQuery:
    """One query in all arms."""

    query_id: str
    query_type: str | None = None
    text: str | None = None
    answers: tuple[ArmAnswer, ...]


def read_example_queries(settings: Settings, records: BenchmarkRecords) -> tuple[ExampleQuery, ...]:
    """Choose the example queries and read everything said about them."""
    chosen = _choose(settings, records)
    if not chosen:
        return ()
    texts, replies, documents = (
        _read_texts(settings, records, chosen),
        _read_replies(settings, records, chosen),
        _read_passages(settings, records, chosen),
    )
    steps = read_steps(settings, list(records.arm_names), chosen)
    scores = _read_scores(settings, records, chosen)
    shown = frozenset(chosen)
    rows = {
        (row.run_id, row.query_id): row for row in records.query_runs if row.replicate == 0 and row.query_id in shown
    }
    examples = []
    for query_id in chosen:
        answers = tuple(
            _arm_answer(
                arm.arm, rows[key], texts.get(key, {}), (steps.get(key, ()), replies.get(key, ())), documents, scores
            )
            for arm in records.arms
            if (key := (arm.run_id, query_id)) in rows
        )
        first = next(rows[arm.run_id, query_id] for arm in records.arms if (arm.run_id, query_id) in rows)
        text = next((t for arm in records.arms if (t := texts.get((arm.run_id, query_id), {}).get("query"))), None)
        examples.append(ExampleQuery(query_id=query_id, query_type=first.query_type, text=text, answers=answers))
    return tuple(examples)


def _choose(settings: Settings, records: BenchmarkRecords) -> tuple[str, ...]:
    """Return the ids of at most `EXAMPLES` queries by `RULE`; equal ones in the order of their ids."""
    asked = {"run_ids": list(records.arm_names), "metric": _DECIDING_SCORE, "examples": EXAMPLES}
    return tuple(str(query_id) for (query_id,) in query_rows(settings, _CHOSEN, asked)[1])


def _arm_answer(
    arm: str,
    row: QueryRun,
    texts: Mapping[str, Any],
    said: tuple[Sequence[Step], Sequence[Reply]],
    documents: Mapping[str, Passage],
    scores: Scores,
) -> ArmAnswer:
    passages = _ids(texts.get("passages"))
    found = {name: scores.get((row.run_id, row.query_id, name)) for name in SHOWN_SCORES}
    return ArmAnswer(
        arm=arm,
        answer=texts.get("answer"),
        outcome=_outcome(row),
        scores=tuple((name, ratio_text(*score)) for name, score in found.items() if score is not None),
        cost=f"{count_text(row.billed_tokens, row.tokens_missing_because)} tokens, {counted(row.calls or 0, 'call')}, "
        f"{duration_text(row.wall_s, row.times_missing_because)}",
        citations=_ids(texts.get("citations")) or (),
        passages=None if passages is None else _as_read(passages, texts.get("passages_read_as"), documents),
        agent_sequence=_ids(texts.get("agent_sequence")) or (),
        steps=tuple(said[0]),
        replies=tuple(said[1]),
    )


def _as_read(ids: Sequence[str], read_as: str | None, documents: Mapping[str, Passage]) -> tuple[Passage, ...]:
    found = [documents.get(chunk_id, Passage(chunk_id=chunk_id)) for chunk_id in ids]
    texts = parse_object(read_as)
    return tuple(
        replace(passage, text=str(texts[passage.chunk_id]), is_cut=True) if passage.chunk_id in texts else passage
        for passage in found
    )


def _outcome(row: QueryRun) -> str:
    if not row.answered:
        return f"failed: {shown_error(row.error_type, row.error_message)}"
    if row.fallback:
        return f"answered by a fallback: {shown_error(row.fallback_because, None)}"
    return "answered"


def _ids(ids: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(ids)


def _read_scores(settings: Settings, records: BenchmarkRecords, chosen: Sequence[str]) -> Scores:
    _, rows = query_rows(
        settings,
        "select run_id, query_id, metric, value, missing_because from measurements "
        "where run_id in $run_ids and metric in $metrics and query_id in $chosen and replicate = 0 and draw = 0",
        {"run_ids": list(records.arm_names), "metrics": list(SHOWN_SCORES), "chosen": list(chosen)},
    )
    return {(str(run), str(query), str(metric)): (value, why) for run, query, metric, value, why in rows}  # type: ignore[misc]


def _read_texts(
    settings: Settings, records: BenchmarkRecords, chosen: Sequence[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    names = ("query", "answer", "citations", "passages", "passages_read_as", "agent_sequence")
    _, rows = query_rows(
        settings,
        f"select run_id, query_id, {', '.join(names)} from query_runs "
        "where run_id in $run_ids and query_id in $chosen and replicate = 0",
        {"run_ids": list(records.arm_names), "chosen": list(chosen)},
    )
    return {(str(run), str(query)): dict(zip(names, texts, strict=True)) for run, query, *texts in rows}


def _read_replies(
    settings: Settings, records: BenchmarkRecords, chosen: Sequence[str]
) -> dict[tuple[str, str], list[Reply]]:
    _, rows = query_rows(
        settings,
        "select run_id, query_id, agent, role, task, attempt, prompt_tokens, completion_tokens, "
        "tokens_missing_because, e2e_latency_s, times_missing_because, reply, output_valid, ended_because, error_type, "
        "error_message from llm_calls where run_id in $run_ids and query_id in $chosen and replicate = 0 "
        "and coalesce(phase, 'measured') = 'measured' order by sent_at, call_id, attempt",
        {"run_ids": list(records.arm_names), "chosen": list(chosen)},
    )
    replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
    for run_id, query_id, *values in rows:
        replies[str(run_id), str(query_id)].append(_reply(*values))
    return replies


def _reply(*values: object) -> Reply:
    agent, role, task, attempt, prompt, completion, no_tokens, seconds, no_time, text, valid, ending, kind, message = (
        values
    )
    tokens = f"{count_text(prompt, no_tokens)} + {count_text(completion, no_tokens)} tokens"  # type: ignore[arg-type]
    problems = [
        shown_error(str(kind), str(message or "")) if kind else "",
        "not in the requested format" if valid is False else "",
        "" if ending in (None, STOP) else ENDINGS[str(ending)],
    ]
    name = str(agent or "unknown agent")
    return Reply(
        agent=name if role in (None, "agent", "supervisor") else f"{name} ({role})",
        task=str(task or ""),
        attempt=int(str(attempt or 1)),
        cost=f"{tokens}, {duration_text(seconds, no_time)}",  # type: ignore[arg-type]
        text="" if text is None else str(text),
        problem="; ".join(problem for problem in problems if problem) or ("" if text else not_measured("no reply")),
    )


def _read_passages(settings: Settings, records: BenchmarkRecords, chosen: Sequence[str]) -> dict[str, Passage]:
    _, rows = query_rows(
        settings,
        "select distinct chunk_id, doc_id from retrieved where run_id in $run_ids and query_id in $chosen",
        {"run_ids": list(records.arm_names), "chosen": list(chosen)},
    )
    documents = {str(chunk): str(doc) for chunk, doc in rows if chunk and doc}
    texts: dict[str, str] = {}
    for index_hash in {arm.index_hash for arm in records.arms}:
        texts |= read_chunk_texts(settings.indexes, index_hash, documents)
    return {chunk: Passage(chunk_id=chunk, doc_id=doc, text=texts.get(chunk, "")) for chunk, doc in documents.items()}
