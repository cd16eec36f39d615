"""The generated set `facts`: what is asked has one answer, where the gold says, and nowhere else."""

import re
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.query_sets.facts.attributes import SUBJECT_ATTRIBUTES
from docmind_core.query_sets.facts.draws import Draws
from docmind_core.query_sets.facts.questions import SEED, generated_facts

SEEDS = (SEED, 2**31 - 1)
BYTES = "15f2be6d3b8c8c6add23ebaf0902661b280be98a8793121bf946956b0dbddf0c"
"""query_set_hash of the set: another one is another set, whose figures are not those of docs/adr/0022."""


@cache
def generated(seed):
    documents, queries = generated_facts(seed)
    return {document.doc_id: document for document in documents}, queries


def sentences(text):
    return re.findall(r"[^.]+\.", text)


def named(text, name):
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_every_gold_span_is_a_whole_sentence_of_its_document_and_states_the_answer(seed):
    documents, queries = generated(seed)

    for query in queries:
        for span in query.evidence:
            assert span.text in [sentence.strip() for sentence in sentences(documents[span.doc_id].text)]
        if not query.expected_abstain:
            assert named(query.evidence[-1].text, query.gold_answers[0])
            assert {span.doc_id for span in query.evidence} == set(query.gold_doc_ids)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_question_has_one_answer(seed):
    documents, queries = generated(seed)
    pages = [
        (document.title, sentence.strip()) for document in documents.values() for sentence in sentences(document.text)
    ]

    assert len({query.text for query in queries}) == len(queries)
    for query in queries:
        if query.expected_abstain:
            continue
        (answer,), span = query.gold_answers, query.evidence[-1]
        told = {
            found
            for title, found in pages
            if title == documents[span.doc_id].title and pattern(span.text, answer, found)
        }
        assert told == {span.text}, query
        assert answer not in query.rival_answers


def pattern(span, answer, found):
    """Whether a sentence says the same with any value in place of the answer."""
    return re.fullmatch(re.escape(span).replace(re.escape(answer), r"(\d+|[A-Z]\w+( [A-Z]\w+)?)"), found)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_absent_fact_is_in_no_document(seed):
    documents, queries = generated(seed)
    absent = [query for query in queries if query.expected_abstain]
    asked = {
        question.format(subject=subject): (subject, attribute)
        for attribute in SUBJECT_ATTRIBUTES
        for question in attribute.questions
        for subject in subjects_of(absent, question)
    }

    assert len(absent) == 20
    for query in absent:
        subject, attribute = asked[query.text]
        assert not query.gold_answers
        assert not query.gold_doc_ids
        for document in documents.values():
            told = [sentence.strip() for sentence in sentences(document.text)]
            assert not any(re.fullmatch(worded(attribute.sentence, subject), sentence) for sentence in told)
            if document.title == subject:
                assert not any(re.fullmatch(worded(attribute.short, subject), sentence) for sentence in told)


def worded(template, subject):
    return re.escape(template).replace(r"\{subject\}", re.escape(subject)).replace(r"\{value\}", ".+")


def subjects_of(queries, question):
    before, after = (re.escape(part) for part in question.split("{subject}"))
    return [found[1] for query in queries if (found := re.fullmatch(f"{before}(.+){after}", query.text))]


def test_the_set_has_300_questions_of_five_kinds_and_about_400_short_documents():
    documents, queries = generated(SEED)

    assert Counter(query.query_type for query in queries) == {
        "factoid": 168,
        "near_duplicate": 72,
        "two_hop": 20,
        "unanswerable": 20,
        "conversation": 20,
    }
    assert 380 <= len(documents) <= 440
    assert max(len(document.text.split()) for document in documents.values()) < 80
    assert {len(query.history) for query in queries} == {0, 16}
    assert {tag for query in queries for tag in query.tags} == {"year", "town", "person", "count"}


def test_no_two_questions_share_a_gold_document():
    _, queries = generated(SEED)

    golds = [doc_id for query in queries for doc_id in query.gold_doc_ids]
    assert len(golds) == len(set(golds))


def test_near_duplicates_are_worded_alike_and_answer_differently():
    documents, queries = generated(SEED)

    for query in (query for query in queries if query.query_type == "near_duplicate"):
        (year,) = re.findall(r"\b19\d\d\b", query.text)
        gold = documents[query.gold_doc_ids[0]]
        twins = [
            each for each in documents.values() if each.title.startswith(gold.title.removesuffix(year)) and each != gold
        ]
        assert len(twins) == 2
        assert not any(named(twin.text, query.gold_answers[0]) for twin in twins)


def test_the_first_document_of_a_two_hop_question_names_what_the_second_is_about():
    documents, queries = generated(SEED)

    for query in (query for query in queries if query.query_type == "two_hop"):
        first, second = (documents[doc_id] for doc_id in query.gold_doc_ids)
        assert named(first.text, second.title)
        assert not named(query.text, second.title)


def test_what_was_said_before_a_question_is_true_and_about_something_else():
    documents, queries = generated(SEED)
    answers = {query.text: query.gold_answers for query in queries}

    for query in (query for query in queries if query.query_type == "conversation"):
        said = list(zip(query.history[::2], query.history[1::2], strict=True))
        assert query.text not in [question.content for question, _ in said]
        assert all(answers.get(question.content, (reply.content,)) == (reply.content,) for question, reply in said)
        assert all(any(named(each.text, reply.content) for each in documents.values()) for _, reply in said)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_set_is_the_same_bytes_whatever_the_hash_seed_and_the_python(hash_seed):
    """Whichever Python runs it; the generator imports the standard library alone, so any Python does."""
    code = (
        "from docmind_core.query_sets.facts.questions import generated_facts\n"
        "from docmind_core.query_sets.queries import build_query_set\n"
        "print(build_query_set('facts', *generated_facts()).query_set_hash)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == BYTES


def test_another_seed_writes_another_set():
    assert generated_facts(1)[0] != generated_facts(2)[0]


@given(low=st.integers(-5, 5), width=st.integers(0, 9), key=st.text(max_size=5))
def test_a_draw_lies_within_its_bounds_and_depends_on_its_key_alone(low, width, key):
    drawn = Draws(7).number(low, low + width, key)

    assert low <= drawn <= low + width
    assert drawn == Draws(7).number(low, low + width, key)
