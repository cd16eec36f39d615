"""Questions of one trade: FinanceBench, RAGEval and PubMedQA.

Sources: https://github.com/patronus-ai/financebench, https://github.com/OpenBMB/RAGEval, https://pubmedqa.github.io.
"""

from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record, blank, dict_in, dicts_in, first_of, list_in, written
from docmind_core.query_sets.importers.format import Format, by_record, has_keys
from docmind_core.query_sets.importers.json_records import KEY
from docmind_core.query_sets.importers.source import Source

_UNSOLVABLE = ("unsolvable", "无解")
"""In the question types of RAGEval, English and Chinese."""


def _read_financebench(place: str, values: Record, draft: Draft) -> None:
    gold: list[str] = []
    evidence: list[tuple[str, str]] = []
    for item in dicts_in(values.get("evidence")):
        text = first_of(item, "evidence_text_full_page", "evidence_text")
        name = written(first_of(item, "evidence_doc_name", "doc_name") or values.get("doc_name"))
        page = item.get("evidence_page_num")
        doc_id = draft.passage(place, text, title=name if blank(page) else f"{name} p{written(page)}")
        gold.append(doc_id)
        if not blank(item.get("evidence_text")):
            evidence.append((doc_id, written(item["evidence_text"])))
    draft.query(
        place,
        values.get("question"),
        query_id=values.get("financebench_id"),
        answers=values.get("answer"),
        gold=dict.fromkeys(gold, 1),
        query_type=values.get("question_type"),
        evidence=evidence,
        tags=[values.get("company"), values.get("question_reasoning")],
    )


def _read_rageval(source: Source, draft: Draft) -> None:
    corpus, questions = _matching(source, "doc"), [source.path]
    if source.path.is_dir():
        questions = _matching(source, "quer")
        if not questions:
            raise UsageError(f"the folder {source.path} has no file *queries*.jsonl; give the file of questions")
    for place, values in source.rows(*corpus) if corpus else ():
        title = first_of(values, "company_name", "court_name", "hospital_patient_name")
        draft.document(place, values.get("doc_id"), values.get("content"), title=title)
    for place, values in source.rows(*questions):
        asked, truth = dict_in(values.get("query")), dict_in(values.get("ground_truth"))
        _add_rageval_question(place, asked, truth, draft, tags=[values.get("domain"), values.get("language")])


def _matching(source: Source, word: str) -> list[Path]:
    return [path for path in sorted(source.folder.glob("*.jsonl*")) if word in path.name.casefold()]


def _add_rageval_question(place: str, asked: Record, truth: Record, draft: Draft, *, tags: list[object]) -> None:
    query_type = written(asked.get("query_type"))
    gold = list_in(truth.get("doc_ids"))
    draft.query(
        place,
        asked.get("content"),
        query_id=asked.get("query_id"),
        answers=truth.get("content"),
        gold=gold,
        query_type=query_type,
        abstain=any(word in query_type.casefold() for word in _UNSOLVABLE),
        evidence=[(doc_id, span) for span in list_in(truth.get("references")) for doc_id in gold],
        tags=tags,
    )


def _read_pubmedqa(place: str, values: Record, draft: Draft) -> None:
    contexts = values.get("CONTEXTS") or dict_in(values.get("context")).get("contexts")
    pmid = first_of(values, KEY, "pubid", "pmid", "id")
    text = "\n".join(written(part) for part in list_in(contexts))
    doc_id = f"pmid-{written(pmid)}" if not blank(pmid) else draft.passage(place, text)
    if not blank(pmid):
        draft.document(place, doc_id, text)
    draft.query(
        place,
        first_of(values, "QUESTION", "question"),
        query_id=pmid,
        answers=first_of(values, "final_decision"),
        gold=[doc_id],
        query_type="yes_no_maybe",
        free_form=False,
        tags=[values.get("YEAR")],
    )


def _accepts_pubmedqa(source: Source) -> bool:
    return {"QUESTION", "CONTEXTS"} <= set(source.first) or {"question", "final_decision"} <= set(source.first)


def _accepts_rageval(source: Source) -> bool:
    if source.path.is_dir():
        questions = _matching(source, "quer")
        return bool(questions) and _is_rageval(source.first_of(questions[0]))
    return _is_rageval(source.first)


def _is_rageval(first: Record) -> bool:
    return isinstance(first.get("query"), dict) and isinstance(first.get("ground_truth"), dict)


FINANCEBENCH = Format(
    name="financebench",
    what="a file of FinanceBench",
    accepts=has_keys("financebench_id", "question"),
    read=by_record(_read_financebench),
)
RAGEVAL = Format(
    name="rageval", what="a set in the form of RAGEval (DragonBall)", accepts=_accepts_rageval, read=_read_rageval
)
PUBMEDQA = Format(name="pubmedqa", what="a file of PubMedQA", accepts=_accepts_pubmedqa, read=by_record(_read_pubmedqa))
