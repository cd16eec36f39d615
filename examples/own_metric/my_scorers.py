"""Two custom metrics: the number of words in an answer, and whether it cites a source."""

from docmind_core.measurements.records import QueryRun, Score, scorer
from docmind_core.query_sets.queries import Query


@scorer(
    unit="words",
    range="0 and above",
    better="lower",
    definition="Number of words in the answer, split at white space.",
    missing="the query failed: `failed_run`",
)
def answer_words(query: Query, run: QueryRun) -> float | Score:
    """Count the words of the answer; a failed query has no value."""
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
    """Return 1 if the answer cites a passage; a failed query counts as 0."""
    return 1.0 if run.cited_chunk_ids else 0.0
