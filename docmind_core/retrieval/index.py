"""The index of a set of documents: chunks, and what each search strategy needs, kept on disk under its hash."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from docmind_core.errors import RetrievalError
from docmind_core.query_sets.documents import Document, corpus_hash, joined_id, set_of
from docmind_core.retrieval.chunks import MAX_TOKENS, TITLE_END, chunk_documents
from docmind_core.retrieval.diversity import Similarities
from docmind_core.retrieval.encoder_files import SEMANTIC_SETTINGS, weights_file
from docmind_core.retrieval.keyword import DEFAULT_LANGUAGE, KEYWORD_SETTINGS, KeywordSearcher
from docmind_core.retrieval.ranking import HYBRID_SETTINGS, HybridSearcher
from docmind_core.retrieval.saved_parts import open_part
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES, Chunk, ComparingSearcher, Hit, Searcher

CHUNKS_FILE = "chunks.jsonl"
PARTS_FILE = "parts.json"
"""In the folder of joined sets: the hashes of their indexes."""
INDEX_SETTINGS: dict[str, object] = {
    "layout": 1,
    "chunks": {"max_tokens": MAX_TOKENS, "tokens": "bert-base-uncased WordPiece", "overlap": 0, "title": TITLE_END},
    "keyword": KEYWORD_SETTINGS,
    "semantic": SEMANTIC_SETTINGS,
    "hybrid": HYBRID_SETTINGS,
}
_HASH = re.compile(r"[0-9a-f]{64}")


class RetrievalIndex:
    """Ranks the chunks of one set of documents; safe to share by threads."""

    def __init__(
        self,
        index_hash: str,
        chunks: Sequence[Chunk],
        searchers: Mapping[str, Searcher],
        *,
        compares: ComparingSearcher | None = None,
        prefix: str = "",
    ) -> None:
        self.index_hash = index_hash
        """sha256 over documents and settings: the same hash gives the same rankings."""
        self.chunks: Mapping[str, Chunk] = MappingProxyType({chunk.chunk_id: chunk for chunk in chunks})
        self.strategies = tuple(searchers)
        self._searchers = dict(searchers)
        self._compares = compares
        self.prefix = prefix
        """What the ids of its documents begin with, where its set was joined with others."""

    def of_query(self, query_id: str) -> "RetrievalIndex":
        """Return the index that is searched for a query: this one, or of several joined sets that of its own."""
        return self

    def search(self, strategy: str, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the `k` best hits and the next until `documents` documents are ranked, ties by `chunk_id`.

        Raises:
            RetrievalError: If the index was opened without `strategy`.
        """
        return self.search_many(strategy, [query], k, documents=documents)[0]

    def search_many(
        self, strategy: str, queries: Sequence[str], k: int, *, documents: int = 0
    ) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query; semantic and hybrid search embed all of them in one batch.

        Raises:
            RetrievalError: If the index was opened without `strategy`.
        """
        searcher = self._searchers.get(strategy)
        if searcher is None:
            opened = ", ".join(self.strategies) or "none"
            raise RetrievalError(
                f"the index was opened without {strategy!r} (opened: {opened}). Include it when opening"
            )
        return searcher.search_many(queries, k, documents=documents)

    def cosines(self, chunk_ids: Sequence[str]) -> Similarities | None:
        """Return the cosine of each pair of chunks; None when the index was opened without semantic search."""
        return None if self._compares is None else self._compares.cosines(chunk_ids)


class JoinedIndex(RetrievalIndex):
    """The indexes of several query sets; a query is answered from the documents of its own set alone."""

    def __init__(self, index_hash: str, parts: Mapping[str, RetrievalIndex], nothing: RetrievalIndex) -> None:
        chunks = [chunk for part in parts.values() for chunk in part.chunks.values()]
        super().__init__(index_hash, chunks, {})
        self.strategies = nothing.strategies
        self._parts = parts
        self._nothing = nothing

    def of_query(self, query_id: str) -> RetrievalIndex:
        """Return the index of the query's set; of a set without documents an empty one."""
        return self._parts.get(set_of(query_id), self._nothing)


def open_index(
    documents: Sequence[Document],
    *,
    folder: Path,
    strategies: Collection[str],
    announce: Callable[[str], None],
    language: str = DEFAULT_LANGUAGE,
    prefix: str = "",
) -> RetrievalIndex:
    """Open the index of `documents` for `strategies`: load what is saved under `folder`, build and save the rest.

    `language` names stop words and stemmer of keyword search; `none` has neither. Documents of joined query sets get an
    index for each set.

    Raises:
        RetrievalError: If a strategy is unknown or can't run here, or a doc_id occurs twice.
    """
    for strategy in strategies:
        if strategy not in STRATEGIES:
            raise RetrievalError(f"unknown search strategy {strategy!r}. Choose from {', '.join(STRATEGIES)}")
    if len({document.doc_id for document in documents}) != len(documents):
        raise RetrievalError("duplicate doc_id among the documents; each document needs its own")
    index_hash, sets = hash_of_index(documents, language), _by_set(documents)
    home = folder / index_hash
    if list(sets) != [""]:
        part_of = partial(open_index, folder=folder, strategies=strategies, announce=announce, language=language)
        return _open_joined(index_hash, sets, home, part_of)
    chunks = _open_chunks(documents, home, announce)
    searchers: dict[str, Searcher] = {}
    compares: ComparingSearcher | None = None
    if KEYWORD in strategies or HYBRID in strategies:
        keyword = _open_keyword(chunks, home, announce, language)
        searchers[KEYWORD] = keyword
    if SEMANTIC in strategies or HYBRID in strategies:
        semantic = _open_semantic(chunks, home, announce)
        searchers[SEMANTIC] = compares = semantic
    if HYBRID in strategies:
        searchers[HYBRID] = HybridSearcher(keyword, semantic)
    return RetrievalIndex(index_hash, chunks, searchers, compares=compares, prefix=prefix)


def _open_joined(
    index_hash: str, sets: Mapping[str, Sequence[Document]], home: Path, part_of: Callable[..., RetrievalIndex]
) -> JoinedIndex:
    parts = {
        name: part_of([replace(document, query_set="") for document in of_set], prefix=joined_id(name, ""))
        for name, of_set in sets.items()
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / PARTS_FILE).write_text(json.dumps([part.index_hash for part in parts.values()]), "utf-8")
    return JoinedIndex(index_hash, parts, part_of(()))


def hash_of_index(documents: Sequence[Document], language: str = DEFAULT_LANGUAGE) -> str:
    """Return the hash that the index of `documents` has, whatever strategies it is opened for."""
    sets = _by_set(documents)
    hashes = {name: corpus_hash(of_set) for name, of_set in sets.items()}
    corpus = hashes[""] if list(hashes) == [""] else hashes
    settings = {"corpus": corpus, "settings": INDEX_SETTINGS, "language": language}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _by_set(documents: Sequence[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for document in documents:
        found.setdefault(document.query_set, []).append(document)
    return found or {"": []}


def _open_chunks(documents: Sequence[Document], home: Path, announce: Callable[[str], None]) -> tuple[Chunk, ...]:
    def build(folder: Path) -> None:
        announce(f"splitting {len(documents):,} documents into chunks")
        # In the order of chunk_id, so that ties break by it wherever positions are compared.
        chunks = sorted(chunk_documents(documents), key=lambda chunk: chunk.chunk_id)
        lines = (json.dumps(asdict(chunk), ensure_ascii=False) + "\n" for chunk in chunks)
        (folder / CHUNKS_FILE).write_text("".join(lines), encoding="utf-8", newline="\n")

    def load(folder: Path) -> tuple[Chunk, ...]:
        with (folder / CHUNKS_FILE).open(encoding="utf-8", newline="\n") as lines:
            return tuple(Chunk(**json.loads(line)) for line in lines)

    return open_part(home, "chunks", build=build, load=load, announce=announce)


def _open_keyword(
    chunks: Sequence[Chunk], home: Path, announce: Callable[[str], None], language: str
) -> KeywordSearcher:
    def build(folder: Path) -> None:
        announce(f"building the keyword index of {len(chunks):,} chunks")
        KeywordSearcher.build(chunks, language=language).save(folder)

    def load(folder: Path) -> KeywordSearcher:
        return KeywordSearcher.load(folder, chunks)

    return open_part(home, "keyword", build=build, load=load, announce=announce)


def _open_semantic(chunks: Sequence[Chunk], home: Path, announce: Callable[[str], None]) -> ComparingSearcher:
    weights_file()
    # Only here: importing torch takes seconds, and keyword search works without the extra `embeddings`.
    from docmind_core.retrieval.semantic import SemanticSearcher, save_vectors

    def build(folder: Path) -> None:
        save_vectors(folder, chunks, announce)

    def load(folder: Path) -> ComparingSearcher:
        return SemanticSearcher.load(folder, chunks)

    return open_part(home, "semantic", build=build, load=load, announce=announce)


def read_chunk_texts(folder: Path, index_hash: str | None, chunk_ids: Collection[str]) -> dict[str, str]:
    """Return the text of each chunk that the saved index holds; none when the index is gone."""
    if index_hash is None or not _HASH.fullmatch(index_hash):
        return {}
    if (joined := folder / index_hash / PARTS_FILE).is_file():
        parts = (read_chunk_texts(folder, part, chunk_ids) for part in json.loads(joined.read_text("utf-8")))
        return {chunk_id: text for part in parts for chunk_id, text in part.items()}
    path = folder / index_hash / "chunks" / CHUNKS_FILE
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="\n") as lines:
        rows = (json.loads(line) for line in lines)
        return {row["chunk_id"]: row["text"] for row in rows if row["chunk_id"] in chunk_ids}
