"""Questions over Wikipedia with short answers: DPR's files, NQ-open, and CLAP NQ with long answers.

Sources: https://github.com/facebookresearch/DPR, https://github.com/google-research-datasets/natural-questions,
https://github.com/primeqa/clapnq.
"""

from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import (
    Record,
    blank,
    dicts_in,
    list_in,
    listed,
    python_list,
    texts_of,
    written,
)
from docmind_core.query_sets.importers.format import Format, by_record
from docmind_core.query_sets.importers.source import Source

_POSITIVE = ("positive_ctxs",)
_OTHERS = ("negative_ctxs", "hard_negative_ctxs", "ctxs")


def _read_dpr(place: str, values: Record, draft: Draft) -> None:
    gold = [
        draft.passage(place, passage.get("text"), title=passage.get("title"))
        for name in _POSITIVE
        for passage in dicts_in(values.get(name))
    ]
    for name in _OTHERS:
        for passage in dicts_in(values.get(name)):
            draft.passage(place, passage.get("text"), title=passage.get("title"))
    draft.query(
        place, values.get("question"), answers=values.get("answers"), gold=dict.fromkeys(gold, 1), free_form=False
    )


def _accepts_dpr(source: Source) -> bool:
    return {"question", "answers"} <= set(source.first) and any(name in source.first for name in (*_POSITIVE, "ctxs"))


def _read_nq_open(source: Source, draft: Draft) -> None:
    headless = _is_headless(source)
    if headless:
        question, answers = source.header
        draft.query(f"{source.files[0].name}:1", question, answers=listed(answers), free_form=False)
    for place, values in source.rows():
        asked, accepted = list(values.values())[:2] if headless else (values.get("question"), values.get("answer"))
        draft.query(place, asked, answers=listed(accepted), free_form=False)


def _is_headless(source: Source) -> bool:
    """Tell the files NAME.qas.csv of DPR: question, tab, list of answers, and no header."""
    header = source.header
    return len(header) == 2 and python_list(header[1]) is not None


def _accepts_nq_open(source: Source) -> bool:
    return _is_headless(source) or (
        set(source.first) in ({"question", "answer"}, {"question", "answer", "id"})
        and isinstance(source.first["answer"], list)
    )


def _read_clapnq(place: str, values: Record, draft: Draft) -> None:
    if "passages" not in values:
        gold = [part for part in written(values.get("doc-id-list")).split(",") if part.strip()]
        answers = written(values.get("answers")).split("::")
        draft.query(
            place, values.get("question"), query_id=values.get("id"), answers=answers, gold=gold, free_form=True
        )
        return
    doc_ids = [
        draft.passage(place, passage.get("text"), title=passage.get("title"))
        for passage in dicts_in(values.get("passages"))
    ]
    outputs = dicts_in(values.get("output"))
    answers = texts_of([output.get("answer") for output in outputs])
    spans = [span for output in outputs for span in list_in(output.get("selected_sentences")) if not blank(span)]
    draft.query(
        place,
        values.get("input"),
        query_id=values.get("id"),
        answers=answers,
        gold=doc_ids if answers else (),
        abstain=bool(outputs) and not answers,
        free_form=True,
        evidence=dict.fromkeys((doc_id, written(span)) for span in spans for doc_id in doc_ids[:1]),
    )


def _accepts_clapnq(source: Source) -> bool:
    first = set(source.first)
    return {"input", "passages", "output"} <= first or {"question", "doc-id-list", "answers"} <= first


DPR = Format(name="dpr", what="a file in the format of DPR", accepts=_accepts_dpr, read=by_record(_read_dpr))
NQ_OPEN = Format(name="nq-open", what="a file in the format of NQ-open", accepts=_accepts_nq_open, read=_read_nq_open)
CLAPNQ = Format(name="clapnq", what="a file of CLAP NQ", accepts=_accepts_clapnq, read=by_record(_read_clapnq))
