"""The texts of single chunks, read from a saved index without opening it for searching."""

import json
import re
from collections.abc import Collection
from pathlib import Path

from docmind_core.retrieval.index import CHUNKS_FILE, PARTS_FILE

_HASH = re.compile(r"[0-9a-f]{64}")


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
