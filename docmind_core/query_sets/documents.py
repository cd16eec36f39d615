"""A document, as the system under test may see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One text that queries are asked about."""

    doc_id: str
    title: str
    text: str
