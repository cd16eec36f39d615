"""SQuAD 1 and 2 and sets in their form, as JSON or as rows (https://rajpurkar.github.io/SQuAD-explorer/)."""

import re
from urllib.parse import unquote

from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record, dicts_in, texts_of, written
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.source import Source

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[。！？])")  # noqa: RUF001


def _accepts(source: Source) -> bool:
    first = source.first
    as_rows = {"context", "question", "answers"} <= set(first) and isinstance(first.get("answers"), dict)
    return as_rows or bool(dicts_in(first.get("paragraphs")) and "qas" in dicts_in(first["paragraphs"])[0])


def _read(source: Source, draft: Draft) -> None:
    for place, values in source.rows():
        if "paragraphs" not in values:
            doc_id = draft.passage(place, values.get("context"), title=_title(values))
            _add_question(
                f"{place}", values, dicts_in(values.get("answers")), written(values.get("context")), doc_id, draft
            )
            continue
        for paragraph in dicts_in(values["paragraphs"]):
            doc_id = draft.passage(place, paragraph.get("context"), title=_title(values))
            for asked in dicts_in(paragraph.get("qas")):
                _add_question(
                    place, asked, dicts_in(asked.get("answers")), written(paragraph.get("context")), doc_id, draft
                )


def _add_question(place: str, asked: Record, answers: list[Record], context: str, doc_id: str, draft: Draft) -> None:
    texts = texts_of([answer.get("text") for answer in answers])
    if asked.get("id") is not None:
        place = f"{place}, {asked['id']}"
    impossible = asked.get("is_impossible")
    # An empty list of answers says so too in version 2; where there is none, as in hidden tests, nothing is known.
    abstain = impossible is True or (impossible is None and "answers" in asked and not texts)
    if abstain:
        draft.note("questions have no answer in their paragraph and expect an abstention", place)
    evidence = [(doc_id, span) for answer in answers if (span := _sentence(context, answer))]
    draft.query(
        place,
        asked.get("question"),
        query_id=asked.get("id"),
        answers=texts,
        gold=[] if abstain else [doc_id],
        abstain=abstain,
        free_form=False,
        evidence=dict.fromkeys(evidence),
    )


def _title(values: Record) -> str:
    """Return a title as it is read: files have that of a Wikipedia address, `Beyonc%C3%A9_Knowles`."""
    return unquote(written(values.get("title"))).replace("_", " ")


def _sentence(context: str, answer: Record) -> str:
    """Return the sentence of the context that an answer is in: evidence is more than the answer itself."""
    start, text = answer.get("answer_start"), written(answer.get("text"))
    if not isinstance(start, int) or not 0 <= start <= len(context):
        return text
    ends = [0, *(end.end() for end in _SENTENCE_END.finditer(context)), len(context)]
    first = max(end for end in ends if end <= start)
    last = min((end for end in ends if end >= start + len(text) and end > first), default=len(context))
    return context[first:last].strip() or text


SQUAD = Format(name="squad", what="a set in the form of SQuAD", accepts=_accepts, read=_read)
