import re
import string
import sys

import pytest

from docmind_core.errors import QuerySetError, UsageError
from docmind_core.query_sets.allowance import Allowance
from docmind_core.query_sets.bundled import bundled_query_set_names, load_query_set
from docmind_core.query_sets.python_reference.questions import WrittenQuery, locate, topic_documents, written_queries
from docmind_core.query_sets.queries import Evidence
from docmind_core.retrieval.index import open_index
from docmind_core.retrieval.search import KEYWORD
from tests.builders import make_query
from tests.documents import make_document, write_query_set


@pytest.fixture(scope="module")
def reference():
    return load_query_set("python-reference")


def answerable(query_set):
    return [query for query in query_set.queries if not query.expected_abstain]


def normalised(text):
    """The SQuAD rule, curly quotes counted as punctuation."""
    lowered = "".join(char for char in text.lower() if char not in string.punctuation + "‘’“”")  # noqa: RUF001
    return f" {' '.join(word for word in lowered.split() if word not in ('a', 'an', 'the'))} "


def test_no_query_is_left_out_on_this_python(reference):
    assert reference.notices == ()


def test_the_queries_are_of_every_kind_in_number(reference):
    queries = answerable(reference)

    assert len(queries) >= 60
    assert len(reference.queries) - len(queries) >= 10
    assert {query.query_type for query in queries} == {"factoid", "comparison", "two_topics"}
    assert sum(query.query_type == "comparison" for query in queries) >= 8
    assert sum(query.query_type == "two_topics" for query in queries) >= 12
    assert sum("identifier" in query.tags for query in queries) >= 15
    assert sum("paraphrase" in query.tags for query in queries) >= 15


NEAR_CHARACTERS = 300
"""As far from its evidence as an answer may stand: the heading above it, or the sentence after."""


def words_of(text):
    """Words with their underscores: `__missing__` is not `missing`."""
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]
    return f" {' '.join(words)} "


def stands_near(answer, text, span):
    flat, span = " ".join(text.split()), " ".join(span.split())
    begin = flat.index(span)
    return words_of(answer) in words_of(flat[max(0, begin - NEAR_CHARACTERS) : begin + len(span) + NEAR_CHARACTERS])


def proved(query, answer, texts):
    """Whether one of the needed spans has the answer beside it in every topic that holds it."""
    needs = {}
    for place in query.evidence:
        needs.setdefault(place.need, []).append(stands_near(answer, texts[place.doc_id], place.text))
    return any(all(found) for found in needs.values())


def test_every_accepted_answer_is_next_to_its_evidence_unless_it_is_marked_as_free_wording(reference):
    texts = {document.doc_id: document.text for document in reference.documents}
    free = {f"py_{item.query_id}": set(item.free_wording) for item in written_queries()}

    for query in answerable(reference):
        literal = [answer for answer in query.gold_answers if answer not in free[query.query_id]]
        assert literal, query.query_id
        unproved = {answer for answer in query.gold_answers if not proved(query, answer, texts)}
        assert unproved == free[query.query_id], query.query_id


def test_free_wording_is_one_of_the_accepted_answers():
    for item in written_queries():
        assert set(item.free_wording) <= set(item.answers), item.query_id


def test_a_name_is_proved_with_its_underscores():
    query = make_query(evidence=(Evidence(doc_id="d", text="calls the method"),))

    assert proved(query, "__missing__", {"d": "It calls the method object.__missing__(self)."})
    assert not proved(query, "__missing__", {"d": "It calls the method for a missing key."})
    assert not proved(query, "missing", {"d": "It calls the method __missing__."})


def test_gold_are_all_topics_that_hold_the_evidence_and_no_others(reference):
    for query in answerable(reference):
        spans = {evidence.text for evidence in query.evidence}
        holders = {
            document.doc_id
            for document in reference.documents
            if any(Allowance().contains_span(document.text, span) for span in spans)
        }
        assert set(query.gold_doc_ids) == holders, query.query_id


def test_no_topic_alone_holds_the_evidence_of_a_query_about_two():
    documents = topic_documents()
    written = [query for query in written_queries() if query.type == "two_topics"]

    for query in written:
        for document in documents:
            found = [
                any(Allowance().contains_span(document.text, wording) for wording in span) for span in query.evidence
            ]
            assert not all(found), (query.query_id, document.doc_id)


def test_answers_are_short_and_survive_normalisation(reference):
    for query in answerable(reference):
        assert all(normalised(answer).strip() for answer in query.gold_answers), query.query_id
        assert 1 <= len(normalised(query.gold_answers[0]).split()) <= 6, query.query_id


def test_the_topics_say_nothing_about_the_unanswerable():
    everything = " ".join(document.text for document in topic_documents()).lower()
    words = ["lru_cache", "venv", "threadpoolexecutor", "timsort", "1991", "interpreter lock", "http.server", "dotall"]
    words += ["return_exceptions", "deepcopy", "set_threshold", "author", "rossum", "coghlan", "wrote"]
    words += ["replay", "transcript", "log file", "to a file"]

    assert [word for word in words if word in everything] == []


def test_a_gold_answer_is_not_given_away_by_its_question(reference):
    # A choice names what it offers; elsewhere the answer must come from the documents.
    given_away = [
        query.query_id
        for query in answerable(reference)
        if query.query_type != "comparison"
        and " or " not in query.text
        and normalised(query.gold_answers[0]) in normalised(query.text)
    ]

    assert given_away == []


def test_keyword_search_alone_finds_some_but_not_all(reference, tmp_path):
    index = open_index(reference.documents, folder=tmp_path, strategies=[KEYWORD], announce=lambda _: None)

    def recall_at_5(query):
        ranked = dict.fromkeys(hit.chunk.doc_id for hit in index.search(KEYWORD, query.text, 200))
        return len(set(query.gold_doc_ids) & set(list(ranked)[:5])) / len(query.gold_doc_ids)

    queries = answerable(reference)
    assert 0.5 <= sum(map(recall_at_5, queries)) / len(queries) <= 0.9


def test_the_shortest_gold_topic_comes_first(reference):
    lengths = {document.doc_id: len(document.text) for document in reference.documents}

    for query in answerable(reference):
        assert query.gold_doc_ids[0] == min(query.gold_doc_ids, key=lambda doc_id: (lengths[doc_id], doc_id))


def test_documents_are_topics_with_their_heading_as_title():
    documents = {document.doc_id: document for document in topic_documents()}

    assert len(documents) >= 75
    assert documents["py_assert"].title == 'The "assert" statement'
    assert documents["py_assert"].text.startswith("Assert statements are a convenient way")
    assert not [document.doc_id for document in documents.values() if re.match(r".*\n\*{3}", document.text)]


def made_query(query_id, *evidence):
    return WrittenQuery(query_id=query_id, query="Why?", type="factoid", answers=["x"], evidence=list(evidence))


def test_a_wording_of_another_version_of_python_is_as_good():
    documents = [make_document("new", "An atom binds\n names.")]

    located = locate([made_query("q", ["Atoms bind names.", "An atom binds names."])], documents)

    assert [query.gold_doc_ids for query in located.queries] == [("new",)]
    assert located.notices == ()


def test_a_query_whose_evidence_is_gone_is_left_out_with_a_notice():
    written = [made_query(f"q{number}", ["here"]) for number in range(9)] + [made_query("gone", ["here"], ["nowhere"])]

    located = locate(written, [make_document("d", "It stands here.")])

    assert len(located.queries) == 9
    assert located.notices == ("query gone was left out: no topic of this Python version contains 'nowhere'",)


def test_a_python_with_another_reference_is_refused():
    with pytest.raises(
        QuerySetError, match=r"for 1 of 1 queries, no topic contains the evidence \(first: query gone was left out"
    ):
        locate([made_query("gone", ["nowhere"])], [make_document("d", "It stands here.")])


def test_a_python_without_topics_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)

    with pytest.raises(QuerySetError, match=r"comes without its reference topics \(pydoc_data\)"):
        load_query_set("python-reference")


def test_a_folder_is_loaded_by_its_path(tmp_path):
    assert load_query_set(str(write_query_set(tmp_path / "cities"))).name == "cities"


def test_the_bundled_name_wins_and_is_listed():
    assert bundled_query_set_names() == ("facts", "python-reference", "python-reference-conversations")


def test_what_is_neither_a_name_nor_a_folder_is_refused(tmp_path):
    file = write_query_set(tmp_path) / "queries.jsonl"

    with pytest.raises(UsageError, match=r"unknown query set 'python-refrence'.* Bundled: facts, python-reference"):
        load_query_set("python-refrence")
    with pytest.raises(UsageError, match="one file of a query set; give the folder that contains it"):
        load_query_set(str(file))
