"""What tells the strategies apart; needs the extra `embeddings`."""

import subprocess
import sys

import numpy as np
import pytest

from docmind_core.errors import RetrievalError
from docmind_core.measurements.ranking import document_ranking, mrr_at_k
from docmind_core.retrieval import encoder_files
from docmind_core.retrieval.encoder_files import weights_file
from docmind_core.retrieval.index import open_index
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES
from tests.documents import PROJECT, make_document

PARTS = {
    "QX7731": "the paper tray",
    "QX7137": "the toner",
    "QX3771": "the front door",
    "QX7713": "the network cable",
    "QX1773": "the fuser",
    "QX3177": "the scanner lid",
}
MEANINGS = {
    "account": (
        "I can't remember my secret phrase and cannot get in",
        "To recover login credentials, choose the password reset on the sign-on page.",
    ),
    "salary": ("When do employees get paid?", "Wages are transferred on the last working day of each month."),
    "doctor": (
        "My kid has a fever, whom should I call?",
        "Parents of a sick child reach the paediatrician through the emergency line.",
    ),
    "car": (
        "The automobile won't start in the cold",
        "In freezing weather the vehicle's battery loses power and the engine stays silent.",
    ),
    "holiday": ("How many vacation days may I take?", "Staff are entitled to thirty days of annual leave."),
    "refund": ("I want my money back", "Purchases are reimbursed within two weeks after the goods were returned."),
}
MISLEADING = ("When the phrase is secret, remember to get in early.",)
DOCUMENTS = (
    *(
        make_document(
            code, f"{code} points at {part}: switch the printer off, check it, and switch the printer on again."
        )
        for code, part in PARTS.items()
    ),
    *(make_document(doc_id, text) for doc_id, (_, text) in MEANINGS.items()),
    *(make_document(f"misleading-{number}", text) for number, text in enumerate(MISLEADING)),
)
IDENTIFIERS = {code: f"What does {code} mean?" for code in PARTS}
PARAPHRASES = {doc_id: query for doc_id, (query, _) in MEANINGS.items()}

# Components 0, 1, 2 and 383, from transformers 5.19.0: BertModel, window 256, mean of the last layer, length 1.
FROZEN = {
    "reset password": (-0.064265, -0.041257, -0.055222, -0.086785),
    "recover credentials": (-0.118408, 0.021892, -0.030508, -0.083601),
    "": (-0.118838, 0.048299, -0.002548, -0.015717),
    "Größe naïve “quoted” 的猫": (-0.019425, 0.031369, 0.059711, -0.012093),
    "word " * 400: (-0.008124, -0.095586, -0.038673, 0.015241),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("torch")
    try:
        weights_file()
    except RetrievalError as error:
        pytest.skip(str(error))
    return tmp_path_factory.mktemp("indexes")


@pytest.fixture(scope="module")
def index(folder):
    return open_index(DOCUMENTS, folder=folder, strategies=STRATEGIES, announce=lambda _: None)


def mean_reciprocal_rank(index, strategy, queries):
    ranks = [
        mrr_at_k(document_ranking(hit.chunk.chunk_id for hit in index.search(strategy, query, 20)), [doc_id], 20)
        for doc_id, query in queries.items()
    ]
    return sum(ranks) / len(ranks)


def test_keyword_search_is_better_at_rare_identifiers(index):
    assert mean_reciprocal_rank(index, KEYWORD, IDENTIFIERS) == 1.0
    assert mean_reciprocal_rank(index, SEMANTIC, IDENTIFIERS) < 0.8


def test_semantic_search_is_better_at_paraphrases(index):
    assert mean_reciprocal_rank(index, SEMANTIC, PARAPHRASES) > 0.7
    assert mean_reciprocal_rank(index, KEYWORD, PARAPHRASES) < 0.3


def test_hybrid_search_is_at_least_as_good_at_a_mix(index):
    mix = {**IDENTIFIERS, **PARAPHRASES}
    legs = [mean_reciprocal_rank(index, strategy, mix) for strategy in (KEYWORD, SEMANTIC)]

    assert mean_reciprocal_rank(index, HYBRID, mix) >= max(legs)


def test_hybrid_search_finds_what_either_leg_finds(index):
    found = {hit.chunk.chunk_id for hit in index.search(HYBRID, "What does QX7731 mean?", 100)}

    for strategy in (KEYWORD, SEMANTIC):
        assert {hit.chunk.chunk_id for hit in index.search(strategy, "What does QX7731 mean?", 100)} <= found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_hits_come_best_first_and_no_more_than_asked_for(index, strategy):
    hits = index.search(strategy, "check the printer", 3)

    assert len(hits) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_blank_query_has_no_hits(index, strategy):
    assert index.search(strategy, " ", 3) == ()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_k_below_one_is_refused(index, strategy):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        index.search(strategy, "printer", 0)


@pytest.mark.parametrize("strategy", [SEMANTIC, HYBRID])
def test_a_query_longer_than_the_window_is_cut(index, strategy):
    query = "When do employees get paid? " * 40

    assert index.search(strategy, query + "QX7731", 3)
    assert index.search(SEMANTIC, query * 2, 3) == index.search(SEMANTIC, query * 3, 3)


def test_several_queries_at_once_rank_as_one_by_one(index):
    queries = [*PARAPHRASES.values(), "", "a"]

    for strategy in STRATEGIES:
        together = index.search_many(strategy, queries, 5)
        assert [[hit.chunk.chunk_id for hit in hits] for hits in together] == [
            [hit.chunk.chunk_id for hit in index.search(strategy, query, 5)] for query in queries
        ]


def test_the_same_text_ties_in_the_order_of_its_ids(folder):
    documents = [make_document(doc_id, "The same text.") for doc_id in "dbca"]
    index = open_index(documents, folder=folder, strategies=STRATEGIES, announce=lambda _: None)

    for strategy in STRATEGIES:
        assert [hit.chunk.doc_id for hit in index.search(strategy, "same text", 3)] == ["a", "b", "c"]


def test_an_index_without_chunks_finds_nothing_semantically(folder):
    index = open_index([], folder=folder, strategies=[HYBRID], announce=lambda _: None)

    assert index.search(SEMANTIC, "printer", 3) == index.search(HYBRID, "printer", 3) == ()


def test_another_process_that_builds_again_ranks_alike(index, tmp_path):
    program = (
        "import sys; from pathlib import Path; from tests.retrieval.test_strategies import DOCUMENTS, rankings\n"
        "from docmind_core.retrieval.index import STRATEGIES, open_index\n"
        "index = open_index(DOCUMENTS, folder=Path(sys.argv[1]), strategies=STRATEGIES, announce=print)\n"
        "print(index.index_hash, rankings(index))"
    )
    command = [sys.executable, "-c", program, tmp_path]

    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == f"{index.index_hash} {rankings(index)}"


def rankings(index):
    queries = [*IDENTIFIERS.values(), *PARAPHRASES.values()]
    return [
        [hit.chunk.doc_id for hit in index.search(strategy, query, 20)] for strategy in STRATEGIES for query in queries
    ]


def test_embedding_is_announced_and_done_once(folder):
    announced = []
    documents = [make_document("d", "Embedded once.")]

    open_index(documents, folder=folder, strategies=[SEMANTIC], announce=announced.append)
    open_index(documents, folder=folder, strategies=[SEMANTIC], announce=announced.append)

    assert announced == [
        "splitting 1 documents into chunks",
        "embedding 1 chunks; needed only once for these documents",
    ]


def test_embedding_says_how_far_it_is(monkeypatch, tmp_path, folder):
    from docmind_core.retrieval import encoder, semantic
    from tests.documents import make_chunk

    announced = []
    monkeypatch.setattr(semantic, "ANNOUNCE_EVERY_S", 0.0)
    monkeypatch.setattr(encoder, "BATCH_TEXTS", 10)
    semantic.save_vectors(tmp_path, [make_chunk(f"d#{number}") for number in range(25)], announced.append)

    assert announced[0] == "embedding 25 chunks; needed only once for these documents"
    assert announced[1].startswith("embedding chunks: 10 of 25, about ")
    assert announced[2].startswith("embedding chunks: 20 of 25, about ")
    assert len(announced) == 3


def test_an_interrupted_embedding_stops(monkeypatch, folder):
    from docmind_core.retrieval import encoder

    batches = []

    def interrupt(done, share):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "_cores", lambda: 1)
    monkeypatch.setattr(encoder, "BATCH_TEXTS", 1)
    shared = encoder.shared_encoder()
    embed_batch = encoder.Encoder._embed_batch
    monkeypatch.setattr(
        encoder.Encoder, "_embed_batch", lambda self, ids: batches.append(ids) or embed_batch(self, ids)
    )
    with pytest.raises(KeyboardInterrupt):
        shared.embed(["text"] * 500, report=interrupt)

    assert len(batches) < 100


def test_vectors_equal_those_of_the_transformers_package(folder):
    from docmind_core.retrieval.encoder import shared_encoder

    vectors = shared_encoder().embed(list(FROZEN))

    np.testing.assert_allclose(vectors[:, [0, 1, 2, 383]], list(FROZEN.values()), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_missing_weights_are_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(encoder_files, "ENCODER_PACKAGE", "no_such_package")
    weights_file.cache_clear()

    with pytest.raises(RetrievalError, match=r"not installed: make install-remote"):
        open_index(DOCUMENTS, folder=tmp_path, strategies=[SEMANTIC], announce=lambda _: None)
    weights_file.cache_clear()


def test_damaged_weights_are_explained(monkeypatch, folder):
    monkeypatch.setattr(encoder_files, "WEIGHTS_SHA256", "0" * 64)
    weights_file.cache_clear()

    with pytest.raises(
        RetrievalError, match=r"model\.safetensors are damaged or unexpected\. Install them again: make clean"
    ):
        weights_file()
    weights_file.cache_clear()


def test_a_missing_torch_is_explained(folder):
    program = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path\n"
        "from docmind_core.retrieval.index import open_index\n"
        "open_index([], folder=Path(sys.argv[1]), strategies=['semantic_search'], announce=print)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, folder], cwd=PROJECT, capture_output=True, text=True, check=False
    )

    expected = "RetrievalError: semantic search needs torch, which is not installed: make install-remote"
    assert ran.stderr.splitlines()[-1].endswith(expected)


def test_the_cosine_of_two_chunks_is_1_for_itself_and_larger_for_what_is_alike(index):
    """What MMR compares passages by."""
    cosines = index.cosines(["QX7731#0", "QX7137#0", "holiday#0"])

    assert [cosines[number][number] for number in range(3)] == pytest.approx([1.0] * 3, abs=1e-4)
    assert cosines[0][1] == cosines[1][0]
    assert cosines[0][1] > cosines[0][2]


def test_without_semantic_search_there_is_no_cosine(folder):
    keyword_only = open_index(DOCUMENTS, folder=folder, strategies=[KEYWORD], announce=lambda _: None)
    assert keyword_only.cosines(["QX7731#0"]) is None
