import os
import subprocess
import sys

import pytest

from docmind_core.errors import RetrievalError
from docmind_core.retrieval import index as index_module
from docmind_core.retrieval.index import hash_of_index, open_index
from docmind_core.retrieval.search import KEYWORD, SEMANTIC
from tests.documents import PROJECT, make_document

DOCUMENTS = (
    make_document("paris", "Paris is the capital of France.", "Paris"),
    make_document("rome", "Rome is the capital of Italy.\n\n" + "It has seven hills. " * 60, "Rome"),
)


@pytest.fixture
def opened(tmp_path):
    """Opens the index of documents, and says what was announced."""

    def opening(documents=DOCUMENTS, strategies=(KEYWORD,)):
        announced = []
        index = open_index(documents, folder=tmp_path, strategies=strategies, announce=announced.append)
        return index, announced

    return opening


def test_an_index_holds_all_chunks_by_id(opened):
    index, _ = opened()

    assert list(index.chunks) == ["paris#0", "rome#0", "rome#1"]
    assert index.chunks["paris#0"].title == "Paris"
    assert index.strategies == (KEYWORD,)
    assert index.index_hash == hash_of_index(DOCUMENTS)


def test_an_index_is_built_once_and_loaded_afterwards(opened):
    first, announced = opened()
    again, then = opened()

    assert announced == ["splitting 2 documents into chunks", "building the keyword index of 3 chunks"]
    assert then == []
    assert again.search(KEYWORD, "capital of Italy", 3) == first.search(KEYWORD, "capital of Italy", 3)


def test_the_hash_names_the_folder_and_depends_on_documents_and_settings(opened, tmp_path, monkeypatch):
    index, _ = opened()
    assert [folder.name for folder in tmp_path.iterdir()] == [index.index_hash]

    assert hash_of_index(DOCUMENTS[::-1]) == index.index_hash
    assert hash_of_index(DOCUMENTS[:1]) != index.index_hash
    monkeypatch.setitem(index_module.INDEX_SETTINGS, "layout", 2)
    assert hash_of_index(DOCUMENTS) != index.index_hash


@pytest.mark.parametrize("damage", ["cut off", "removed", "no checksums"])
def test_a_damaged_index_is_announced_and_built_again(opened, tmp_path, damage):
    index, _ = opened()
    part = tmp_path / index.index_hash / "keyword"
    if damage == "cut off":
        file = part / "data.csc.index.npy"
        file.write_bytes(file.read_bytes()[:-4])
    elif damage == "removed":
        (part / "vocab.index.json").unlink()
    else:
        (part / "checksums.json").write_text("[]")

    again, announced = opened()

    assert announced[0].startswith(f"the saved index {part} is damaged (")
    assert announced[0].endswith("; rebuilding it")
    assert again.search(KEYWORD, "capital", 3) == index.search(KEYWORD, "capital", 3)
    assert opened()[1] == []


def test_a_build_that_fails_leaves_nothing_behind(opened, tmp_path, monkeypatch):
    def fail(documents):
        raise MemoryError

    monkeypatch.setattr(index_module, "chunk_documents", fail)
    with pytest.raises(MemoryError):
        opened()
    monkeypatch.undo()

    assert list((tmp_path / hash_of_index(DOCUMENTS)).iterdir()) == []
    assert opened()[1][0] == "splitting 2 documents into chunks"


def test_what_a_dead_process_left_is_removed_and_a_living_one_is_left_alone(opened, tmp_path):
    home = tmp_path / hash_of_index(DOCUMENTS)
    dead, living = home / "chunks.999999999.tmp", home / f"chunks.{os.getppid()}.tmp"
    dead.mkdir(parents=True)
    living.mkdir()

    opened()

    assert not dead.exists()
    assert living.exists()


def test_a_folder_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(RetrievalError, match=r"can't be saved: .* Free up disk space, or change DOCMIND_HOME"):
        open_index(DOCUMENTS, folder=tmp_path / "file", strategies=[KEYWORD], announce=print)


def test_a_strategy_that_was_not_opened_is_refused(opened):
    index, _ = opened()

    with pytest.raises(RetrievalError, match=r"opened without 'semantic_search' \(opened: keyword_search\)"):
        index.search(SEMANTIC, "capital", 3)


def test_an_unknown_strategy_is_refused(opened):
    with pytest.raises(RetrievalError, match=r"unknown search strategy 'guess'\. Choose from keyword_search, semantic"):
        opened(strategies=["guess"])


def test_a_document_that_appears_twice_is_refused(opened):
    with pytest.raises(RetrievalError, match="duplicate doc_id"):
        opened([make_document("d"), make_document("d")])


@pytest.mark.parametrize("documents", [(), (make_document("d", ""),)])
def test_an_index_of_nothing_finds_nothing(opened, documents):
    index, _ = opened(documents)

    assert dict(index.chunks) == {}
    assert index.search(KEYWORD, "capital", 3) == ()


def test_several_queries_are_searched_at_once(opened):
    index, _ = opened()
    queries = ["Italy", "", "capital of France"]

    together = index.search_many(KEYWORD, queries, 2)

    assert together == tuple(index.search(KEYWORD, query, 2) for query in queries)


def test_another_process_ranks_alike_from_the_same_index(opened, tmp_path):
    index, _ = opened()
    program = (
        "import sys; from pathlib import Path; from tests.retrieval.test_index import DOCUMENTS\n"
        "from docmind_core.retrieval.index import open_index\n"
        "index = open_index(DOCUMENTS, folder=Path(sys.argv[1]), strategies=['keyword_search'], announce=print)\n"
        "hits = index.search('keyword_search', 'capital hills', 3)\n"
        "print(index.index_hash, [(hit.chunk.chunk_id, hit.score) for hit in hits])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "other"], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    hits = [(hit.chunk.chunk_id, hit.score) for hit in index.search(KEYWORD, "capital hills", 3)]
    assert ran.stdout.splitlines()[-1] == f"{index.index_hash} {hits}"


def test_keyword_search_needs_no_torch(tmp_path):
    program = (
        "import sys; from pathlib import Path; from docmind_core.retrieval.index import open_index\n"
        "open_index([], folder=Path(sys.argv[1]), strategies=['keyword_search'], announce=print)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", program, tmp_path], cwd=PROJECT, check=True)
