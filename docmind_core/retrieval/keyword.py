"""Search by words: BM25."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from docmind_core.retrieval.chunks import indexed_text
from docmind_core.retrieval.ranking import best_hits
from docmind_core.retrieval.search import Chunk, Hit
from docmind_core.retrieval.words import WORDS_SETTINGS, indexed_words, searched_words

if TYPE_CHECKING:
    import bm25s

KEYWORD_SETTINGS: dict[str, object] = {
    "method": "lucene",
    "k1": 1.5,
    "b": 0.75,
    "bm25s": version("bm25s"),
    **WORDS_SETTINGS,
}
DEFAULT_LANGUAGE = "english"
"""Of stop words and stemmer."""


class KeywordSearcher:
    """BM25 over the words of `words.py` (bm25s, method lucene, k1 1.5, b 0.75).

    `_` parts words, in chunks and in queries, so that `__getattr__` is found by `getattr`. Safe to share by threads.
    """

    def __init__(self, chunks: Sequence[Chunk], scorer: "bm25s.BM25 | None", language: str) -> None:
        self._chunks = chunks
        self._scorer = scorer
        self._language = language

    @classmethod
    def build(cls, chunks: Sequence[Chunk], *, language: str = DEFAULT_LANGUAGE) -> "KeywordSearcher":
        """Index chunks, which come in the order of `chunk_id`."""
        words = indexed_words([indexed_text(chunk) for chunk in chunks], language)
        if not any(words):
            return cls(chunks, None, language)
        import bm25s

        scorer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        scorer.index(words, show_progress=False)
        return cls(chunks, scorer, language)

    def save(self, folder: Path) -> None:
        """Write the index into `folder`, which exists."""
        about = {"words": self._scorer is not None, "language": self._language}
        (folder / "keyword.json").write_text(json.dumps(about), encoding="utf-8")
        if self._scorer is not None:
            self._scorer.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, chunks: Sequence[Chunk]) -> "KeywordSearcher":
        """Read what `save` wrote for the same chunks."""
        import bm25s

        about = json.loads((folder / "keyword.json").read_text(encoding="utf-8"))
        scorer = bm25s.BM25.load(folder, show_progress=False) if about["words"] else None
        return cls(chunks, scorer, about["language"])

    def search(self, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the hits of one query, best first; chunks that share no word with the query are left out."""
        return self.search_many([query], k, documents=documents)[0]

    def search_many(self, queries: Sequence[str], k: int, *, documents: int = 0) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, as `Searcher` says."""
        return tuple(self._ranked(words, k, documents) for words in searched_words(queries, self._language))

    def _ranked(self, words: Sequence[str], k: int, documents: int) -> tuple[Hit, ...]:
        if self._scorer is None:
            return ()
        known = [word for word in words if word in self._scorer.vocab_dict]
        if not known:
            return ()
        return best_hits(self._chunks, self._scorer.get_scores(known), k, above=0.0, documents=documents)
