"""What a query set is read in spite of, with a note; and problems that are said once, where they begin."""

import json

import pytest

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.readers import read_query_set
from tests.documents import write_query_set

DOCUMENT = {"doc_id": "d1", "title": "France", "text": "The capital of France is Paris: a city (pop. 2,102,650)."}
QUERY = {"query_id": "q1", "query": "What is the capital?", "answers": ["Paris"], "gold_doc_ids": ["d1"]}


def problems_of(folder):
    with pytest.raises(QuerySetError) as caught:
        read_query_set(folder)
    return str(caught.value).splitlines()[1:]


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x0b", "\x0c", "\x1b", "\x7f", "\x80", "\x85", "\x9f", "\u2028", "\u2029", "\ufeff", "\ud800"],
)
def test_what_is_not_text_is_read_as_a_space_with_one_note(tmp_path, character):
    folder = write_query_set(
        tmp_path,
        documents=[{**DOCUMENT, "text": f"The{character}capital"}, {"doc_id": "d2", "text": f"b{character}c"}],
        queries=[{**QUERY, "query": f"What{character}is it?"}],
    )

    found = read_query_set(folder)

    assert [document.text for document in found.documents] == ["The capital", "b c"]
    assert found.queries[0].text == "What is it?"
    (note,) = found.notices
    assert note.startswith("3 characters in texts were read as spaces")
    assert note.endswith(f"(first: documents.jsonl:1, U+{ord(character):04X})")


def test_a_raw_control_character_is_read_as_an_escaped_one_is(tmp_path):
    folder = write_query_set(tmp_path, queries=[QUERY])
    line = json.dumps({"doc_id": "d1", "text": "a\x1bb\tc\x9dd"}, ensure_ascii=False)
    (folder / "documents.jsonl").write_bytes(line.replace("\\u001b", "\x1b").replace("\\t", "\t").encode())

    found = read_query_set(folder)

    assert found.documents[0].text == "a b\tc d"
    assert found.notices[0].startswith("2 characters")


def test_a_text_of_nothing_else_is_empty(tmp_path):
    folder = write_query_set(tmp_path, queries=[{**QUERY, "query": "\u0080\u0081"}])

    assert problems_of(folder) == ["queries.jsonl:1: query: must not be empty, got '\\x80\\x81'"]


def test_tabs_and_line_ends_stay(tmp_path):
    folder = write_query_set(tmp_path, documents=[{"doc_id": "d1", "text": "a\tb\nc\r\nd"}])

    found = read_query_set(folder)

    assert (found.documents[0].text, found.notices) == ("a\tb\nc\r\nd", ())


@pytest.mark.parametrize(
    "span",
    [
        *("capital of France is Paris", "capital  of\nFrance", "CAPITAL OF FRANCE", "France is Paris a city"),
        *("france, is: paris!", "pop 2 102 650", "“capital of France”", "city (pop"),
    ],
)
def test_evidence_is_found_whatever_its_white_space_case_and_punctuation(tmp_path, span):
    written = {**QUERY, "evidence": [{"doc_id": "d1", "text": span}]}

    found = read_query_set(write_query_set(tmp_path, documents=[DOCUMENT], queries=[written]))

    assert [evidence.text for evidence in found.queries[0].evidence] == [span]
    assert found.notices == ()


@pytest.mark.parametrize("span", ["Rome", "capital France", "...", "", " ", "(", "Paris is the capital"])
def test_evidence_that_is_not_in_its_document_is_left_out_with_a_note(tmp_path, span):
    spans = [{"doc_id": "d1", "text": text} for text in (span, "Paris")]
    queries = [{**QUERY, "evidence": spans}, {**QUERY, "query_id": "q2", "evidence": spans}]
    found = read_query_set(write_query_set(tmp_path, documents=[DOCUMENT], queries=queries))

    assert [[evidence.text for evidence in query.evidence] for query in found.queries] == [["Paris"]] * 2
    assert found.notices == ("2 evidence spans are not in their documents and were left out (first: queries.jsonl:1)",)


def test_evidence_of_a_document_that_is_not_gold_is_left_out_with_a_note(tmp_path):
    spans = [{"doc_id": doc_id, "text": "Paris"} for doc_id in ("d1", "d2", "d9")]
    documents = [DOCUMENT, {"doc_id": "d2", "text": "Paris"}]

    found = read_query_set(write_query_set(tmp_path, documents=documents, queries=[{**QUERY, "evidence": spans}]))

    assert [evidence.doc_id for evidence in found.queries[0].evidence] == ["d1"]
    (notice,) = found.notices
    assert notice.startswith("2 evidence spans refer to a document that is not among gold_doc_ids and were left out")


def test_a_set_without_documents_is_read_with_a_note(tmp_path):
    folder = write_query_set(tmp_path, queries=[{"query_id": "q1", "query": "Why?", "answers": ["Paris"]}])
    (folder / "documents.jsonl").write_text("\n")

    found = read_query_set(folder)

    assert (found.documents, len(found.queries)) == ((), 1)
    (notice,) = found.notices
    assert notice.startswith("documents.jsonl contains no documents: ")


@pytest.mark.parametrize(
    ("evidence", "where"),
    [
        ("Paris", "evidence: should be a list, got 'Paris'"),
        (None, "evidence: should be a list, got None"),
        ({"doc_id": "d1", "text": "Paris"}, "evidence: should be a list"),
        ([{"text": "Paris"}], "evidence.0.doc_id: is missing"),
        ([{"doc_id": "d1"}], "evidence.0.text: is missing"),
        ([{"doc_id": 1, "text": "Paris"}], "evidence.0.doc_id: should be text in quotes, got 1"),
        ([{"doc_id": "..", "text": "Paris"}], "evidence.0.doc_id: an id is not a path"),
        ([["France", 0]], "evidence.0: should be an object, got ['France', 0]"),
        (["Paris"], "evidence.0: should be an object, got 'Paris'"),
    ],
)
def test_malformed_evidence_is_left_out_with_a_note(tmp_path, evidence, where):
    sound = [{"doc_id": "d1", "text": "Paris"}]
    spans = [*evidence, *sound] if isinstance(evidence, list) else evidence
    queries = [{**QUERY, "evidence": spans}, {**QUERY, "query_id": "q2", "evidence": sound}]

    found = read_query_set(write_query_set(tmp_path, documents=[DOCUMENT], queries=queries))

    kept = [[span.text for span in query.evidence] for query in found.queries]
    assert kept == [["Paris"] if isinstance(evidence, list) else [], ["Paris"]]
    (notice,) = found.notices
    assert notice.startswith(f"1 evidence spans are malformed and were left out (first: queries.jsonl:1, {where}")


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ('[{"doc_id": "d1", "text": "x"}]', "is one JSON array; write one JSON object a line"),
        ('[\n  {"doc_id": "d1", "text": "x"},\n  {"doc_id": "d2", "text": "x"}\n]', "is one JSON array"),
        ('{\n  "doc_id": "d1",\n  "text": "x"\n}', "is one JSON object over several lines"),
        ("\ufeff  [\n]", "is one JSON array"),
        ("", "contains no documents, but queries refer to gold documents"),
    ],
)
def test_documents_in_another_form_are_one_problem_and_no_query_is_blamed_for_it(tmp_path, documents, said):
    folder = write_query_set(tmp_path, queries=[{**QUERY, "query_id": f"q{number}"} for number in range(9)])
    (folder / "documents.jsonl").write_text(documents, encoding="utf-8")

    (problem,) = problems_of(folder)

    assert problem.startswith(f"documents.jsonl: {said}")


def test_a_bad_document_is_not_blamed_on_the_queries_about_it_and_bad_queries_are_named_all_the_same(tmp_path):
    folder = write_query_set(
        tmp_path,
        documents=[DOCUMENT, {"doc_id": "d2"}],
        queries=[{**QUERY, "gold_doc_ids": ["d2"]}, {"query_id": "q2", "query": " "}],
    )

    assert problems_of(folder) == [
        "documents.jsonl:2: text: is missing",
        "queries.jsonl:2: query: must not be empty, got ' '",
    ]


@pytest.mark.parametrize(
    "line",
    ['{"a": 1 "b": 2}', '{"a": }', "{'a': 1}", '{"a": "x}', '{"a": "\\q"}', '{"a": 1} {', '{"a": 1,}', '{"a" 1}', "x"],
)
def test_damage_is_said_in_plain_words(tmp_path, line):
    folder = write_query_set(tmp_path)
    with (folder / "documents.jsonl").open("a") as file:
        file.write(line + "\n")

    (problem,) = problems_of(folder)

    assert problem.startswith("documents.jsonl:2: not JSON: ")
    assert not any(word in problem for word in ("Expecting", "delimiter", "at at", "Extra data", "Unterminated"))
    assert ", at column " in problem
