"""Two metrics of our own: how long an answer is, and whether it says where it is from."""

from docmind_core.measurements.records import QueryRun, Score, scorer
from docmind_core.query_sets.queries import Query


@scorer(
    unit="words",
    range="0 and above",
    better="lower",
    definition="Words of the answer, split at white space.",
    missing="the query failed: `failed_run`",
)
def answer_words(query: Query, run: QueryRun) -> float | Score:
    """Count the words of the answer; a query that failed has none to count."""
    if run.answer is None:
        return Score.missing("answer_words", because="failed_run")
    return len(run.answer.split())


@scorer(
    unit="1",
    range="0 or 1",
    better="higher",
    definition="The answer cites at least one passage. A failed query scores 0.",
)
def cites_a_source(query: Query, run: QueryRun) -> float:
    """Say 1 where the answer cites a passage; a query that failed cites nothing, and counts."""
    return 1.0 if run.cited_chunk_ids else 0.0
