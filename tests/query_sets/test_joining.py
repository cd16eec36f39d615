"""Several query sets in one benchmark: ids can't clash, and each question keeps to the documents of its own set."""

import pytest

from docmind_core.errors import QuerySetError, UsageError
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.selection import cluster_ids
from docmind_core.retrieval.index import hash_of_index, open_index, read_chunk_texts
from docmind_core.retrieval.search import KEYWORD
from tests.documents import write_query_set


@pytest.fixture
def folders(tmp_path):
    """Two sets that use the same ids for something else, and one text in both."""
    for name, town in (("italy", "Rome"), ("spain", "Madrid")):
        write_query_set(
            tmp_path / name,
            documents=[
                {"doc_id": "d1", "text": f"The capital is {town}."},
                {"doc_id": f"both_{name}", "text": "It is warm in May."},
            ],
            queries=[
                {
                    "query_id": "q1",
                    "query": f"Which town is the capital of {name}?",
                    "answers": [town],
                    "gold_doc_ids": ["d1"],
                    "evidence": [{"doc_id": "d1", "text": town}],
                    "tags": ["towns"],
                },
                {
                    "query_id": "q2",
                    "query": f"{name}: cold in May?",
                    "answers": ["no"],
                    "gold_doc_ids": [f"both_{name}"],
                },
            ],
        )
    return tuple(str(tmp_path / name) for name in ("italy", "spain"))


def test_ids_begin_with_their_set_and_each_query_is_tagged_with_it(folders):
    joined = load_query_set(folders)

    first = joined.queries[0]
    assert [query.query_id for query in joined.queries] == ["italy/q1", "italy/q2", "spain/q1", "spain/q2"]
    assert (first.gold_doc_ids, first.evidence[0].doc_id) == (("italy/d1",), "italy/d1")
    assert first.tags == ("towns", "set:italy")
    assert joined.name == "italy + spain"


def test_the_hash_is_of_the_sets_by_name_whatever_their_order(folders):
    joined, turned = load_query_set(folders), load_query_set(folders[::-1])

    assert joined == turned
    assert joined.parts == {set_.name: set_.query_set_hash for set_ in map(load_query_set, folders)}
    assert joined.query_set_hash not in joined.parts.values()
    assert hash_of_index(joined.documents) == hash_of_index(turned.documents)


def test_a_query_is_searched_for_in_the_documents_of_its_own_set(folders, tmp_path):
    joined = load_query_set(folders)
    index = open_index(joined.documents, folder=tmp_path / "i", strategies=[KEYWORD], announce=lambda _: None)

    for query in joined.queries:
        hits = index.of_query(query.query_id).search(KEYWORD, "the capital, warm in May", 10)
        assert {hit.chunk.doc_id.split("/")[0] for hit in hits} == {query.query_id.split("/")[0]}
        assert len(hits) == 2
    assert index.of_query("without-documents/q1").search(KEYWORD, "the capital", 10) == ()
    assert index.index_hash == hash_of_index(joined.documents)
    saved = read_chunk_texts(tmp_path / "i", index.index_hash, {"italy/d1#0", "spain/d1#0"})
    assert saved == {"italy/d1#0": "The capital is Rome.", "spain/d1#0": "The capital is Madrid."}


def test_queries_about_the_same_text_in_two_sets_are_one_cluster(folders):
    joined = load_query_set(folders)

    found = cluster_ids(joined.queries, joined.same_documents)
    assert found["italy/q2"] == found["spain/q2"]
    assert len(set(found.values())) == 3


def test_a_set_that_is_there_twice_is_refused_by_its_content_too(folders, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    copy, other = tmp_path / "copy", tmp_path / "elsewhere" / "italy"
    copy.symlink_to(folders[0])
    write_query_set(other)

    with pytest.raises(UsageError, match=r"the same questions twice \(italy\)"):
        load_query_set((folders[0], str(copy)))
    with pytest.raises(UsageError, match=r"two sets with the name 'italy'\. Rename"):
        load_query_set((folders[0], str(other)))


def test_every_problem_of_every_set_is_named_with_its_set(folders, tmp_path):
    bad, worse = (write_query_set(tmp_path / name, queries=[{"query_id": "q1"}]) for name in ("bad", "worse"))

    with pytest.raises(QuerySetError) as refused:
        load_query_set((folders[0], str(bad), str(worse)))
    lines = str(refused.value).splitlines()
    assert [line for line in lines if "queries.jsonl:1: query:" in line] == [
        f"{folder}: queries.jsonl:1: query: is missing" for folder in (bad, worse)
    ]
    with pytest.raises(UsageError, match="unknown query set 'atlantis'"):
        load_query_set((folders[0], "atlantis"))
