import json
from dataclasses import replace

import pytest

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.json_lines import LINE_BYTES_MAX
from docmind_core.query_sets.queries import Evidence, Query, query_set_hash
from docmind_core.query_sets.readers import read_query_set
from tests.documents import make_document, shared_data, write_query_set

DOCUMENT = {"doc_id": "d1", "title": "France", "text": "Paris is the capital\nof France."}
QUERY = {"query_id": "q1", "query": "What is the capital?", "answers": ["Paris"], "gold_doc_ids": ["d1"]}


def problems_of(folder):
    with pytest.raises(QuerySetError) as caught:
        read_query_set(folder)
    return str(caught.value).splitlines()[1:]


def test_a_query_set_is_read_with_its_gold_and_evidence(tmp_path):
    evidence = [{"doc_id": "d1", "text": "Paris is the capital of"}]
    written = {**QUERY, "type": "bridge", "free_form": True, "evidence": evidence, "tags": ["easy"], "level": "hard"}
    folder = write_query_set(tmp_path / "cities", documents=[{**DOCUMENT, "url": "https://x"}], queries=[written])

    found = read_query_set(folder)

    assert found.name == "cities"
    assert found.documents == (make_document("d1", "Paris is the capital\nof France.", "France"),)
    assert found.queries == (
        Query(
            query_id="q1",
            text="What is the capital?",
            gold_answers=("Paris",),
            gold_doc_ids=("d1",),
            query_type="bridge",
            free_form=True,
            evidence=(Evidence(doc_id="d1", text="Paris is the capital of"),),
            tags=("easy",),
        ),
    )


def test_what_queries_about_one_document_say_of_it_is_kept_once(tmp_path):
    said = {**QUERY, "evidence": [{"doc_id": "d1", "text": "Paris"}], "tags": ["easy"]}
    folder = write_query_set(tmp_path, documents=[DOCUMENT], queries=[said, {**said, "query_id": "q2"}])

    found = read_query_set(folder)

    first, second = found.queries
    assert first.gold_doc_ids[0] is first.evidence[0].doc_id is found.documents[0].doc_id
    for name in ("gold_answers", "gold_doc_ids", "evidence", "tags"):
        assert getattr(first, name) is getattr(second, name), name


GRADED = {"query_id": "q1", "query": "Which?", "gold_grades": {"d1": 2, "d2": 1}}
TWO_DOCUMENTS = [DOCUMENT, {"doc_id": "d2", "text": "x"}]


@pytest.mark.parametrize("gold", [{}, {"gold_doc_ids": ["d1", "d2"]}], ids=["grades alone", "both"])
def test_graded_gold_is_read_with_its_grades(tmp_path, gold):
    folder = write_query_set(tmp_path, documents=TWO_DOCUMENTS, queries=[{**GRADED, **gold}])

    (query,) = read_query_set(folder).queries

    assert (query.gold_doc_ids, query.gold_grades) == (("d1", "d2"), (2, 1))
    assert query.qrels == {"d1": 2, "d2": 1}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"gold_doc_ids": ["d1"]}, "gold_grades: 'd2' is not among gold_doc_ids"),
        ({"gold_doc_ids": ["d2", "d1"], "gold_grades": {"d1": 1}}, "gold_grades: the gold document 'd2' has no grade"),
        ({"gold_grades": {"d1": 1, "d9": 1}}, "gold_doc_ids: no document has the id 'd9'"),
        ({"gold_grades": {"d1": 0}}, "gold_grades.d1: should be greater than or equal to 1, got 0"),
        ({"gold_grades": {"d1": 1.5}}, "gold_grades.d1: should be a valid integer"),
        ({"gold_grades": ["d1"]}, "gold_grades: should be an object, got ['d1']"),
        ({"expected_abstain": True}, "expected_abstain: is true, but there are gold documents or answers"),
    ],
)
def test_grades_that_fit_no_gold_document_are_problems(tmp_path, changes, problem):
    folder = write_query_set(tmp_path, documents=TWO_DOCUMENTS, queries=[{**GRADED, **changes}])

    (found,) = problems_of(folder)

    assert found.startswith(f"queries.jsonl:1: {problem}")


def test_a_query_without_grades_keeps_the_hash_it_had_before_there_were_any():
    plain = Query(query_id="q1", text="Which?", gold_doc_ids=("d1", "d2"))

    assert query_set_hash("", [plain]) == "cc6ced16b965bf2263ebda08f15b295e4bad08c51f51a9ce8c967f3832136e57"
    assert query_set_hash("", [replace(plain, gold_grades=(1, 1))]) != query_set_hash("", [plain])


def test_title_answers_and_type_may_be_left_out(tmp_path):
    folder = write_query_set(
        tmp_path, documents=[{"doc_id": "d1", "text": ""}], queries=[{"query_id": "q1", "query": "Why?"}]
    )

    found = read_query_set(folder)

    assert found.documents == (make_document("d1", "", ""),)
    assert found.queries == (Query(query_id="q1", text="Why?"),)


def test_a_byte_order_mark_crlf_and_blank_lines_change_nothing(tmp_path):
    plain = write_query_set(tmp_path / "plain")
    windows = write_query_set(tmp_path / "windows")
    for file in windows.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n\r\n"))

    assert read_query_set(windows).query_set_hash == read_query_set(plain).query_set_hash


def test_the_hashes_depend_on_the_content_alone(tmp_path):
    other = {**DOCUMENT, "doc_id": "d2"}
    one = read_query_set(write_query_set(tmp_path / "one", documents=[DOCUMENT, other], queries=[QUERY]))
    same = read_query_set(
        write_query_set(tmp_path / "same", documents=[other, {**DOCUMENT, "url": "x"}], queries=[{**QUERY, "note": 1}])
    )
    new_query = read_query_set(
        write_query_set(tmp_path / "asked", documents=[DOCUMENT, other], queries=[{**QUERY, "query": "Which?"}])
    )
    new_text = read_query_set(
        write_query_set(tmp_path / "text", documents=[{**DOCUMENT, "text": "Rome"}, other], queries=[QUERY])
    )

    assert (one.corpus_hash, one.query_set_hash) == (same.corpus_hash, same.query_set_hash)
    assert new_query.corpus_hash == one.corpus_hash
    assert new_query.query_set_hash != one.query_set_hash
    assert new_text.corpus_hash != one.corpus_hash
    assert new_text.query_set_hash != one.query_set_hash


@pytest.mark.parametrize("name", ["documents.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(tmp_path, name):
    (write_query_set(tmp_path) / name).unlink()

    with pytest.raises(QuerySetError, match=f"has no file {name}. A query set is a folder with documents.jsonl and"):
        read_query_set(tmp_path)


DAMAGED_LINES = {
    "not json": (b"{doc_id: 1}", "not JSON: a key is missing, or not in double quotes"),
    "cut off": (b'{"doc_id": "d2", "te', "not JSON: a string has no closing quote; it starts, at column"),
    "not an object": (b'["d2"]', "a line must be a JSON object, got ['d2']"),
    "not utf-8": (b'{"doc_id": "d\xff", "text": ""}', "byte 14 of the line is not UTF-8"),
    "not a number": (b'{"doc_id": "d2", "text": "", "score": NaN}', "NaN is not a JSON value"),
    "repeated key": (b'{"doc_id": "d2", "doc_id": "d3", "text": ""}', "duplicate key 'doc_id'"),
    "nested": (b"[" * 100_000, "nested too deeply"),
    "missing key": (b'{"doc_id": "d2"}', "text: is missing"),
    "wrong type": (b'{"doc_id": 2, "text": ""}', "doc_id: should be text in quotes, got 2"),
    "blank id": (b'{"doc_id": " ", "text": ""}', "doc_id: must not be empty"),
    "id with a space": (b'{"doc_id": "d2 ", "text": ""}', "doc_id: an id must not have surrounding spaces"),
    "endless id": (b'{"doc_id": "%s", "text": ""}' % (b"d" * 201), "doc_id: is longer than 200 characters"),
    "control character": (b'{"doc_id": "d\\u001b[31m", "text": ""}', "doc_id: U+001B at character 2 is not text"),
    "half a pair": (b'{"doc_id": "\\ud800", "text": ""}', "doc_id: U+D800 at character 1 is not text"),
    "repeated id": (b'{"doc_id": "d1", "text": ""}', "doc_id: duplicate id 'd1' (first on line 1)"),
}


@pytest.mark.parametrize(("line", "problem"), DAMAGED_LINES.values(), ids=DAMAGED_LINES)
def test_a_damaged_line_is_located(tmp_path, line, problem):
    folder = write_query_set(tmp_path)
    with (folder / "documents.jsonl").open("ab") as file:
        file.write(line + b"\n")

    (found,) = problems_of(folder)

    assert found.startswith("documents.jsonl:2: ")
    assert problem in found
    assert len(found) < 250
    assert found.isprintable()


BAD_QUERIES = {
    "empty query": ({"query": " "}, "query: must not be empty, got ' '"),
    "answers not a list": ({"answers": "Paris"}, "answers: should be a list, got 'Paris'"),
    "blank answer": ({"answers": ["Paris", ""]}, "answers.1: must not be empty"),
    "not a boolean": ({"expected_abstain": "no"}, "expected_abstain: should be true or false, got 'no'"),
    "unknown gold": ({"gold_doc_ids": ["d1", "d9"]}, "gold_doc_ids: no document has the id 'd9'"),
    "gold named twice": ({"gold_doc_ids": ["d1", "d1"]}, "gold_doc_ids: a document appears twice"),
    "gold and abstain": (
        {"expected_abstain": True},
        "expected_abstain: is true, but there are gold documents or answers",
    ),
    "unwieldy query": ({"query": "why " * 30_000}, "query: is longer than 100000 characters"),
}


@pytest.mark.parametrize(("changes", "problem"), BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_a_query_that_does_not_fit_is_located(tmp_path, changes, problem):
    """S45: an empty query is refused here; the guide searches for it by keyword, at a confidence of 0.8."""
    folder = write_query_set(
        tmp_path, documents=[DOCUMENT], queries=[{"query_id": "q0", "query": "Why?"}, QUERY | changes]
    )

    (found,) = problems_of(folder)

    assert found.startswith(f"queries.jsonl:2: {problem}")


def test_a_query_without_gold_is_read(tmp_path):
    folder = write_query_set(tmp_path, queries=[{"query_id": "q1", "query": "Why?", "gold_doc_ids": [], "answers": []}])

    assert read_query_set(folder).queries[0].gold_doc_ids == ()


def test_all_problems_are_reported_at_once_up_to_a_cap(tmp_path):
    folder = write_query_set(tmp_path, documents=[{"doc_id": ""}] * 30, queries=[{"query_id": 1}] * 10)

    found = problems_of(folder)

    # two for each document, two for each query
    assert len(found) == 51
    assert found[-1] == "... and 30 more"


def test_a_line_without_end_is_not_loaded_whole(tmp_path):
    folder = write_query_set(tmp_path)
    with (folder / "documents.jsonl").open("ab") as file:
        file.write(b'{"doc_id": "d2", "text": "' + b"x" * (LINE_BYTES_MAX + 10) + b'"}\n')
        file.write(json.dumps({"doc_id": "d1", "text": ""}).encode())

    assert problems_of(folder) == [
        "documents.jsonl:2: the line is longer than 8 MiB; split the text",
        "documents.jsonl:3: doc_id: duplicate id 'd1' (first on line 1)",
    ]


def test_an_empty_file_is_a_problem(tmp_path):
    folder = write_query_set(tmp_path)
    (folder / "queries.jsonl").write_bytes(b"")

    assert problems_of(folder) == ["queries.jsonl: contains no queries"]


@pytest.mark.parametrize(
    ("name", "documents", "queries", "abstain"), [("hotpotqa", 2306, 175, 25), ("clapnq", 596, 150, 50)]
)
def test_the_shared_data_sets_are_read_without_a_problem(name, documents, queries, abstain):
    found = read_query_set(shared_data(name))

    assert (len(found.documents), len(found.queries)) == (documents, queries)
    assert sum(query.expected_abstain for query in found.queries) == abstain


def test_every_file_that_a_folder_lacks_is_named(tmp_path):
    with pytest.raises(QuerySetError) as caught:
        read_query_set(tmp_path)
    first, second = str(caught.value).splitlines()
    assert "has no file documents.jsonl" in first
    assert "has no file queries.jsonl" in second
