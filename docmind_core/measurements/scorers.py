"""The scorers: they unpack records, decide what is undefined, and call the formulas.

A failed query has no answer: it counts as wrong in every metric of the answer, it is not left out.
"""

from collections.abc import Callable, Collection, Sequence

from docmind_core.measurements.answers import answer_contained, exact_match, exact_match_squad, token_f1
from docmind_core.measurements.number_golds import number_gold
from docmind_core.measurements.numeric import numeric_match
from docmind_core.measurements.ranking import document_of, document_ranking, full_at_k, mrr_at_k, ndcg_at_k, recall_at_k
from docmind_core.measurements.records import FormulaScorer, QueryRun, Score, Scorer
from docmind_core.metrics.catalogue import METRICS
from docmind_core.query_sets.evidence import evidence_recall
from docmind_core.query_sets.queries import Query
from docmind_core.serving.reply_endings import CUT, EMPTIED, FAILED, UNFINISHED


def citation_precision(cited_chunk_ids: Collection[str], gold_doc_ids: Collection[str]) -> float:
    """Return the share of the cited passages that belong to a gold document, in [0, 1].

    A lower bound: gold labels may be incomplete.

    Raises:
        ValueError: If nothing is cited (`no_citation`) or nothing is gold (`no_gold`).
    """
    cited = set(cited_chunk_ids)
    if not cited or not gold_doc_ids:
        raise ValueError("citation precision needs a citation and a gold document")
    return sum(document_of(chunk_id) in gold_doc_ids for chunk_id in cited) / len(cited)


def citation_recall(cited_chunk_ids: Collection[str], gold_doc_ids: Collection[str]) -> float:
    """Return the share of the gold documents that a cited passage belongs to, in [0, 1]; 0 without citations.

    Raises:
        ValueError: If nothing is gold (`no_gold`).
    """
    gold = set(gold_doc_ids)
    if not gold:
        raise ValueError("citation recall needs a gold document")
    return len(gold.intersection(document_of(chunk_id) for chunk_id in cited_chunk_ids)) / len(gold)


def score_exact_match(query: Query, run: QueryRun) -> Score:
    """Score `exact_match`; sentences and unanswerable queries have no gold for it."""
    if _no_string_gold(query):
        return Score.missing("exact_match", because="no_gold")
    return Score(metric="exact_match", value=0.0 if run.answer is None else exact_match(run.answer, query.gold_answers))


def score_exact_match_squad(query: Query, run: QueryRun) -> Score:
    """Score `exact_match_squad`, defined where `exact_match` is."""
    if _no_string_gold(query):
        return Score.missing("exact_match_squad", because="no_gold")
    value = 0.0 if run.answer is None else exact_match_squad(run.answer, query.gold_answers)
    return Score(metric="exact_match_squad", value=value)


def score_token_f1(query: Query, run: QueryRun) -> Score:
    """Score `token_f1`, for sentences too; unanswerable queries have no gold for it."""
    if query.expected_abstain or not query.gold_answers:
        return Score.missing("token_f1", because="no_gold")
    return Score(metric="token_f1", value=0.0 if run.answer is None else token_f1(run.answer, query.gold_answers))


def score_answer_contained(query: Query, run: QueryRun) -> Score:
    """Score `answer_contained`, defined where `exact_match` is; a refusal names nothing."""
    if _no_string_gold(query):
        return Score.missing("answer_contained", because="no_gold")
    if run.answer is None or run.abstained:
        return Score(metric="answer_contained", value=0.0)
    value = answer_contained(run.answer, query.gold_answers, rivals=query.rival_answers, question=query.text)
    return Score(metric="answer_contained", value=value)


def score_numeric_match(query: Query, run: QueryRun) -> Score:
    """Score `numeric_match`; queries without a numeric accepted answer have no gold for it."""
    value = None if query.expected_abstain else _numeric_match(query, run)
    if value is None:
        return Score.missing("numeric_match", because="no_gold")
    return Score(metric="numeric_match", value=value)


def score_passed(query: Query, run: QueryRun) -> Score:
    """Score `passed`: each accepted answer that is a number is judged by it alone, any other by an exact match.

    Where the documents don't hold the answer, abstaining passes. A sentence without a number takes a judge.
    """
    if query.expected_abstain:
        return Score(metric="passed", value=float(run.abstained is True))
    if not query.gold_answers:
        return Score.missing("passed", because="no_gold")
    number = _numeric_match(query, run)
    if query.free_form:
        return Score.missing("passed", because="judge_disabled") if number is None else _passed(number)
    texts = [gold for gold in query.gold_answers if number_gold(gold, question=query.text, in_sentence=False) is None]
    if run.answer is None or not texts:
        return _passed(number or 0.0)
    return _passed(max(exact_match(run.answer, texts), number or 0.0))


def score_empty_answer(query: Query, run: QueryRun) -> Score:
    """Score `empty_answer`: whether the reply that was to be the answer held no text."""
    return _ending_score("empty_answer", run, EMPTIED)


def score_cut_answer(query: Query, run: QueryRun) -> Score:
    """Score `cut_answer`: whether the token limit or a content filter ended the reply that was to be the answer."""
    if run.ended_because == UNFINISHED:
        return Score.missing("cut_answer", because="not_supported")
    return _ending_score("cut_answer", run, CUT)


def score_abstention_precision(query: Query, run: QueryRun) -> Score:
    """Score one query's part in `abstention_precision`: the mean over the queries that abstained is the ratio."""
    if run.abstained is not True:
        return Score.missing("abstention_precision", because="zero_denominator")
    return Score(metric="abstention_precision", value=float(query.expected_abstain))


def score_abstention_recall(query: Query, run: QueryRun) -> Score:
    """Score one query's part in `abstention_recall`: the mean over the unanswerable queries is the ratio."""
    if not query.expected_abstain:
        return Score.missing("abstention_recall", because="zero_denominator")
    return Score(metric="abstention_recall", value=float(run.abstained is True))


def score_over_abstention(query: Query, run: QueryRun) -> Score:
    """Score one query's part in `over_abstention`: the mean over the answerable queries is the ratio."""
    if query.expected_abstain:
        return Score.missing("over_abstention", because="zero_denominator")
    return Score(metric="over_abstention", value=float(run.abstained is True))


def score_citation_precision(query: Query, run: QueryRun) -> Score:
    """Score `citation_precision`; without a citation there is nothing to be right about."""
    if not query.gold_doc_ids:
        return Score.missing("citation_precision", because="no_gold")
    if not run.reading_known:
        return Score.missing("citation_precision", because="not_logged")
    if run.failed or not run.cited_chunk_ids:
        return Score.missing("citation_precision", because="no_citation")
    return Score(metric="citation_precision", value=citation_precision(run.cited_chunk_ids, query.gold_doc_ids))


def score_citation_recall(query: Query, run: QueryRun) -> Score:
    """Score `citation_recall`; no citation with gold present is a true 0."""
    if not query.gold_doc_ids:
        return Score.missing("citation_recall", because="no_gold")
    if not run.reading_known:
        return Score.missing("citation_recall", because="not_logged")
    return Score(metric="citation_recall", value=citation_recall(run.cited_chunk_ids, query.gold_doc_ids))


def score_evidence_recall(query: Query, run: QueryRun) -> Score:
    """Score `evidence_recall` on what reached the synthesizer."""
    if not query.evidence or query.expected_abstain:
        return Score.missing("evidence_recall", because="no_gold")
    if not run.reading_known:
        return Score.missing("evidence_recall", because="not_logged")
    return Score(metric="evidence_recall", value=evidence_recall(query.evidence, run.passages))


def ranking_scorer(name: str, formula: Callable[[Sequence[str], dict[str, int], int], float], k: int) -> Scorer:
    """Build the scorer `<name>@<k>` of the documents in the candidate ranking; unanswerable queries have no gold."""
    metric = f"{name}@{k}"

    def score(query: Query, run: QueryRun, /) -> Score:
        if not query.gold_doc_ids or query.expected_abstain:
            return Score.missing(metric, because="no_gold")
        if not run.ranking_known:
            return Score.missing(metric, because="not_logged")
        ranked = document_ranking(run.candidate_chunk_ids)
        return Score(metric=metric, value=formula(ranked, query.qrels, k))

    return FormulaScorer(metric=METRICS[metric], version="4", formula=score)


def _ending_score(metric: str, run: QueryRun, endings: Collection[str]) -> Score:
    if run.ended_because in (None, FAILED):
        return Score.missing(metric, because="failed_run")
    return Score(metric=metric, value=float(run.ended_because in endings))


def _passed(value: float) -> Score:
    return Score(metric="passed", value=value)


def _numeric_match(query: Query, run: QueryRun) -> float | None:
    # A refusal asserts no number, whatever else it says of the documents: nothing can win as both.
    answer = "" if run.answer is None or run.abstained else run.answer
    return numeric_match(answer, query.gold_answers, question=query.text, in_sentence=query.free_form)


def _no_string_gold(query: Query) -> bool:
    return query.expected_abstain or query.free_form or not query.gold_answers


def _scorer(metric: str, version: str, formula: Callable[[Query, QueryRun], Score]) -> Scorer:
    return FormulaScorer(metric=METRICS[metric], version=version, formula=formula)


SCORERS: tuple[Scorer, ...] = (
    _scorer("passed", "4", score_passed),
    _scorer("exact_match", "4", score_exact_match),
    _scorer("exact_match_squad", "4", score_exact_match_squad),
    _scorer("token_f1", "4", score_token_f1),
    _scorer("answer_contained", "1", score_answer_contained),
    _scorer("numeric_match", "4", score_numeric_match),
    _scorer("empty_answer", "4", score_empty_answer),
    _scorer("cut_answer", "4", score_cut_answer),
    _scorer("abstention_precision", "4", score_abstention_precision),
    _scorer("abstention_recall", "4", score_abstention_recall),
    _scorer("over_abstention", "4", score_over_abstention),
    _scorer("citation_precision", "4", score_citation_precision),
    _scorer("citation_recall", "4", score_citation_recall),
    ranking_scorer("recall", recall_at_k, 5),
    ranking_scorer("recall", recall_at_k, 10),
    ranking_scorer("full", full_at_k, 5),
    ranking_scorer("full", full_at_k, 10),
    ranking_scorer("ndcg", ndcg_at_k, 10),
    ranking_scorer("mrr", mrr_at_k, 10),
    _scorer("evidence_recall", "4", score_evidence_recall),
)
"""Every metric of a query run, in the order of the report; each with the version of its own formula."""
