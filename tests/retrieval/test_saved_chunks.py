import pytest

from docmind_core.retrieval.index import open_index, read_chunk_texts
from docmind_core.retrieval.search import KEYWORD
from tests.documents import make_document


@pytest.fixture
def index(tmp_path):
    documents = [make_document(doc_id="a", text="about apples"), make_document(doc_id="b", text="about bees")]
    return open_index(documents, folder=tmp_path, strategies=[KEYWORD], announce=print)


def test_the_texts_of_the_chunks_asked_for_come_from_the_saved_index(index, tmp_path):
    assert read_chunk_texts(tmp_path, index.index_hash, {"b#0", "gone#0"}) == {"b#0": "about bees"}


@pytest.mark.parametrize("index_hash", [None, "", "../../etc", "0" * 64])
def test_an_index_that_is_not_there_has_no_texts(index, tmp_path, index_hash):
    assert read_chunk_texts(tmp_path, index_hash, {"a#0"}) == {}
