"""Questions that take several documents: HotpotQA, 2WikiMultihopQA, MuSiQue and MultiHop-RAG.

Sources: https://hotpotqa.github.io, https://github.com/Alab-NII/2wikimultihop, https://github.com/StonyBrookNLP/musique,
https://github.com/yixuantt/MultiHop-RAG.
"""

import json

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record, blank, dicts_in, first_of, list_in, texts_of, written
from docmind_core.query_sets.importers.format import Format, by_record, has_keys
from docmind_core.query_sets.importers.source import Source


def _read_hotpot(place: str, values: Record, draft: Draft) -> None:
    paragraphs: dict[str, tuple[str, list[str]]] = {}
    for title, sentences in _pairs(values.get("context"), "title", "sentences"):
        texts = [written(sentence) for sentence in list_in(sentences)]
        paragraphs[written(title)] = (draft.passage(place, _joined(texts), title=title), texts)
    gold: list[str] = []
    evidence: list[tuple[str, str]] = []
    for title, index in _pairs(values.get("supporting_facts"), "title", "sent_id"):
        doc_id, texts = paragraphs.get(written(title), (written(title), []))
        gold.append(doc_id)
        if isinstance(index, int) and 0 <= index < len(texts) and texts[index].strip():
            evidence.append((doc_id, texts[index].strip()))
        else:
            draft.note("supporting facts refer to a missing sentence and were left out of the evidence", place)
    draft.query(
        place,
        values.get("question"),
        query_id=first_of(values, "_id", "id"),
        answers=values.get("answer"),
        gold=dict.fromkeys(gold, 1),
        query_type=values.get("type"),
        free_form=False,
        evidence=evidence,
        tags=[values.get("level")],
    )


def _joined(sentences: list[str]) -> str:
    """Join sentences, most of which begin with the space that parts them from the one before."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or text[-1:].isspace() or sentence[:1].isspace() else f" {sentence}"
    return text.strip()


def _pairs(values: object, first: str, second: str) -> list[tuple[object, object]]:
    """Return the pairs of a list of lists, of objects, or of an object of lists, which may be JSON in a text."""
    if isinstance(values, str):
        try:
            values = json.loads(values)
        except ValueError:
            return []
    if isinstance(values, list) and all(isinstance(item, list) for item in values):
        return [(item[0], item[1]) for item in values if len(item) > 1]
    return [(item.get(first), item.get(second)) for item in dicts_in(values)]


def _read_musique(place: str, values: Record, draft: Draft) -> None:
    if values.get("answerable") is False:
        draft.note(
            "unanswerable questions were left out: documents of other questions in the set answer them",
            place,
        )
        return
    gold: list[str] = []
    for paragraph in dicts_in(values.get("paragraphs")):
        doc_id = draft.passage(place, paragraph.get("paragraph_text"), title=paragraph.get("title"))
        if paragraph.get("is_supporting") is True:
            gold.append(doc_id)
    draft.query(
        place,
        values.get("question"),
        query_id=values.get("id"),
        answers=texts_of([values.get("answer"), values.get("answer_aliases")]),
        gold=gold,
        query_type=written(values.get("id")).split("__", maxsplit=1)[0] if "__" in written(values.get("id")) else None,
        free_form=False,
    )


def _accepts_musique(source: Source) -> bool:
    paragraphs = dicts_in(source.first.get("paragraphs"))
    return "question" in source.first and bool(paragraphs) and "paragraph_text" in paragraphs[0]


HOTPOTQA = Format(
    name="hotpotqa",
    what="a set in the format of HotpotQA or 2WikiMultihopQA",
    accepts=has_keys("question", "context", "supporting_facts"),
    read=by_record(_read_hotpot),
)
MUSIQUE = Format(
    name="musique", what="a set in the format of MuSiQue", accepts=_accepts_musique, read=by_record(_read_musique)
)


def _read_multihop_rag(source: Source, draft: Draft) -> None:
    questions, corpus = source.find("MultiHopRAG.json"), source.find("corpus.json")
    if not source.path.is_dir() and source.path != corpus:
        questions = source.path
    if questions is None or corpus is None:
        raise UsageError(f"{source.folder} needs both MultiHopRAG.json and corpus.json; put them into one folder")
    by_url: dict[str, str] = {}
    for place, values in source.rows(corpus):
        doc_id = draft.passage(place, values.get("body"), title=values.get("title"))
        for key in (values.get("url"), values.get("title")):
            if not blank(key):
                by_url.setdefault(written(key), doc_id)
    for place, values in source.rows(questions):
        evidence = [
            (by_url.get(written(first_of(item, "url", "title")), written(item.get("title"))), item.get("fact"))
            for item in dicts_in(values.get("evidence_list"))
        ]
        draft.query(
            place,
            values.get("query"),
            answers=values.get("answer"),
            gold=dict.fromkeys((doc_id for doc_id, _ in evidence), 1),
            query_type=values.get("question_type"),
            abstain=values.get("question_type") == "null_query",
            free_form=False,
            evidence=[(doc_id, fact) for doc_id, fact in evidence if not blank(fact)],
        )


MULTIHOP_RAG = Format(
    name="multihop-rag",
    what="a set in the format of MultiHop-RAG (MultiHopRAG.json, corpus.json)",
    accepts=lambda source: (
        bool(source.path.is_dir() and source.find("MultiHopRAG.json") and source.find("corpus.json"))
        or (not source.path.is_dir() and has_keys("query", "evidence_list")(source))
    ),
    read=_read_multihop_rag,
)
