"""Search by words: BM25."""

import json
from collections.abc import Sequence
from pathlib import Path

import bm25s
import Stemmer

from docmind_core.retrieval.chunks import indexed_text
from docmind_core.retrieval.ranking import best_hits
from docmind_core.retrieval.search import Chunk, Hit

KEYWORD_SETTINGS: dict[str, object] = {
    "method": "lucene",
    "k1": 1.5,
    "b": 0.75,
    "stop_words": "en",
    "stemmer": "english",
    "underscore": "space",
    "bm25s": bm25s.__version__,
}


class KeywordSearcher:
    """BM25 over stemmed words (bm25s, method lucene, k1 1.5, b 0.75, English stop words).

    `_` parts words, in chunks and in queries, so that `__getattr__` is found by `getattr`. Safe to share by threads.
    """

    def __init__(self, chunks: Sequence[Chunk], scorer: bm25s.BM25 | None) -> None:
        self._chunks = chunks
        self._scorer = scorer

    @classmethod
    def build(cls, chunks: Sequence[Chunk]) -> "KeywordSearcher":
        """Index chunks, which stand in the order of `chunk_id`."""
        words = tokenized([indexed_text(chunk) for chunk in chunks])
        if not any(words):
            return cls(chunks, None)
        scorer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        scorer.index(words, show_progress=False)
        return cls(chunks, scorer)

    def save(self, folder: Path) -> None:
        """Write the index into `folder`, which exists."""
        (folder / "keyword.json").write_text(json.dumps({"words": self._scorer is not None}), encoding="utf-8")
        if self._scorer is not None:
            self._scorer.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, chunks: Sequence[Chunk]) -> "KeywordSearcher":
        """Read what `save` wrote for the same chunks."""
        if not json.loads((folder / "keyword.json").read_text(encoding="utf-8"))["words"]:
            return cls(chunks, None)
        return cls(chunks, bm25s.BM25.load(folder, show_progress=False))

    def search(self, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the hits of one query, best first; chunks that share no word with the query are none."""
        return self.search_many([query], k, documents=documents)[0]

    def search_many(self, queries: Sequence[str], k: int, *, documents: int = 0) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, as `Searcher` says."""
        return tuple(self._ranked(words, k, documents) for words in tokenized(queries))

    def _ranked(self, words: Sequence[str], k: int, documents: int) -> tuple[Hit, ...]:
        if self._scorer is None:
            return ()
        known = [word for word in words if word in self._scorer.vocab_dict]
        if not known:
            return ()
        return best_hits(self._chunks, self._scorer.get_scores(known), k, above=0.0, documents=documents)


def tokenized(texts: Sequence[str]) -> list[list[str]]:
    """Return the stemmed words of each text, stop words and single letters left out."""
    # A stemmer of its own for each call: PyStemmer's objects are not thread-safe, and making one takes a microsecond.
    stemmer = Stemmer.Stemmer("english")
    spaced = [text.replace("_", " ") for text in texts]
    words: list[list[str]] = bm25s.tokenize(
        spaced, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
    )
    return words
