"""The documents: what `help("topic")` shows, read from the Python that runs."""

import re

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.documents import Document

HEADING = re.compile(r"\s*(?P<title>\S.*)\n(?P<mark>[*=\-~^\"])(?P=mark)+\n+")


def topic_documents() -> tuple[Document, ...]:
    """Return one document per topic of `pydoc_data.topics`, in the order of their ids, `py_<topic>`.

    The text differs between versions of Python, so the hash does: a series of benchmarks belongs to one version.

    Raises:
        QuerySetError: If this Python was packed without its topics.
    """
    try:
        from pydoc_data.topics import topics  # noqa: PLC0415 - 700 kB, and some distributions leave it out
    except ImportError as error:
        raise QuerySetError(
            "this Python comes without its reference topics (pydoc_data), so `python-reference` has no documents. "
            "Install the full standard library (on Debian: libpython3-stdlib), or use a folder as the query set"
        ) from error
    return tuple(_document(topic, topics[topic]) for topic in sorted(topics))


def _document(topic: str, text: str) -> Document:
    heading = HEADING.match(text)
    if heading is None:
        return Document(doc_id=f"py_{topic}", title=topic, text=text.strip("\n"))
    return Document(doc_id=f"py_{topic}", title=heading["title"], text=text[heading.end() :].strip("\n"))
