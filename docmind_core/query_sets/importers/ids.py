"""Ids of documents and queries: those of the source where they can be kept, readable ones where there are none."""

import hashlib
import json
import re

from pydantic import TypeAdapter, ValidationError

from docmind_core.query_sets.lines import Id

_ID: TypeAdapter[str] = TypeAdapter(Id)
_HASH_BYTES = 6
_READABLE_MAX = 80
_UNREADABLE = re.compile(r"[^\w()',&+.-]+")
_UPWARDS = re.compile(r"\.{2,}")


class Ids:
    """The ids of one kind in a set, each with what it names."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def name(self, wanted: str) -> str:
        """Return an id as it is kept: one that a set can't use is made valid, with a hash to keep it unique."""
        if wanted in self._found or is_id(wanted):
            return wanted
        digest = hashlib.blake2b(wanted.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
        return f"{readable_id(wanted)}-{digest}".lstrip("-")

    def get(self, wanted: str) -> bytes | None:
        """Return what was added under an id; None where nothing was."""
        return self._found.get(self.name(wanted))

    def add(self, wanted: str, content: bytes) -> str:
        """Keep an id and return it as it is kept."""
        name = self.name(wanted)
        self._found[name] = content
        return name


def is_id(text: str) -> bool:
    """Return whether a text may be an id of a set as it is."""
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True


def readable_id(text: str) -> str:
    """Return the words of a text with underscores between them, at most 80 characters; empty where it has none."""
    return _UPWARDS.sub(".", _UNREADABLE.sub("_", text)).strip("_. ")[:_READABLE_MAX].strip("_. ")


def content_hash(*texts: object) -> bytes:
    """Return a short hash of texts: the same for the same ones."""
    written = json.dumps([str(text) for text in texts])
    return hashlib.blake2b(written.encode(), digest_size=_HASH_BYTES).digest()
