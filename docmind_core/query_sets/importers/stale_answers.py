"""Answers that no document holds: labels older than the documents, or made for other ones."""

from collections.abc import Iterable, Iterator
from itertools import islice

from docmind_core.query_sets.allowance import words_of
from docmind_core.query_sets.queries import Query, QuerySet

LOOKS_MAX = 500_000_000
"""Characters in which answers are looked for; some nanoseconds each."""
_NOT_IN_DOCUMENTS = frozenset({"yes", "no", "maybe", "true", "false"})
_NAMED = 5


def stale_answer_notes(query_set: QuerySet) -> tuple[str, ...]:
    """Return one line about the questions none of whose accepted answers is in a document; nothing without any.

    Sentences, answers such as `yes` and sets without documents are left out. White space, case and punctuation don't
    matter.
    """
    if not query_set.documents:
        return ()
    asked = {query.query_id: answers for query in query_set.queries if (answers := _looked_for(query))}
    looks = _Looks()
    _remove_found_in_gold(query_set, asked, looks)
    _remove_found_anywhere(query_set, asked, looks)
    if looks.spent:
        return (f"not checked whether documents contain the answers: that reads more than {LOOKS_MAX:,} characters",)
    if not asked:
        return ()
    named = ", ".join(islice(asked, _NAMED)) + (", ..." if len(asked) > _NAMED else "")
    return (f"{len(asked):,} questions have no accepted answer that is in a document (first: {named})",)


class _Looks:
    """How many characters were read."""

    def __init__(self) -> None:
        self._count = 0

    def count(self, text: str) -> None:
        self._count += len(text)

    @property
    def spent(self) -> bool:
        return self._count > LOOKS_MAX


def _looked_for(query: Query) -> list[str]:
    """Return the words of the answers that a document should hold; nothing where one of them can't be looked for."""
    if query.free_form or query.expected_abstain:
        return []
    answers = [words_of(answer) for answer in query.gold_answers]
    if any(not answer.strip() or answer.strip() in _NOT_IN_DOCUMENTS for answer in answers):
        return []
    return answers


def _remove_found_in_gold(query_set: QuerySet, asked: dict[str, list[str]], looks: _Looks) -> None:
    by_document: dict[str, list[str]] = {}
    for query in query_set.queries:
        if query.query_id in asked:
            for doc_id in query.gold_doc_ids:
                by_document.setdefault(doc_id, []).append(query.query_id)
    for document in query_set.documents:
        waiting = [query_id for query_id in by_document.get(document.doc_id, ()) if query_id in asked]
        if not waiting:
            continue
        words = words_of(f"{document.title} {document.text}")
        looks.count(words)
        for query_id in waiting:
            if query_id in asked and any(_holds(words, answer) for answer in asked[query_id]):
                del asked[query_id]


def _remove_found_anywhere(query_set: QuerySet, asked: dict[str, list[str]], looks: _Looks) -> None:
    """Look for each answer in the documents that hold its longest word."""
    by_word: dict[str, list[tuple[str, str]]] = {}
    for query_id, answers in asked.items():
        for answer in answers:
            by_word.setdefault(max(answer.split(), key=len), []).append((query_id, answer))
    unspaced = {word for word in by_word if not word.isascii()}
    for document in query_set.documents:
        if not asked or looks.spent:
            return
        words = words_of(f"{document.title} {document.text}")
        looks.count(words)
        for word in _among(set(words.split()), by_word, unspaced, words):
            for query_id, answer in by_word[word]:
                looks.count(words)
                if query_id in asked and _holds(words, answer):
                    del asked[query_id]


def _among(held: set[str], by_word: dict[str, list[tuple[str, str]]], unspaced: set[str], words: str) -> Iterator[str]:
    yield from held & by_word.keys()
    yield from _parts(unspaced - held, words)


def _parts(wanted: Iterable[str], words: str) -> Iterator[str]:
    """Yield the words of scripts without spaces that are part of a longer run."""
    return (word for word in wanted if word in words)


def _holds(words: str, answer: str) -> bool:
    return answer in words or (not answer.isascii() and answer.strip() in words)
