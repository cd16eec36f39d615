"""Query sets by name: the bundled ones, and folders in the normal form."""

from collections.abc import Sequence
from pathlib import Path

from docmind_core.errors import QuerySetError, UsageError, did_you_mean
from docmind_core.query_sets.facts.questions import generated_facts
from docmind_core.query_sets.formats import describe_file, describe_folder
from docmind_core.query_sets.joining import join_query_sets
from docmind_core.query_sets.plugged_readers import read_with_plugin
from docmind_core.query_sets.python_reference.conversations import conversation_queries, written_conversations
from docmind_core.query_sets.python_reference.questions import locate, topic_documents, written_queries
from docmind_core.query_sets.queries import QuerySet, build_query_set
from docmind_core.query_sets.readers import read_query_set

FACTS = "facts"
PYTHON_REFERENCE = "python-reference"
PYTHON_CONVERSATIONS = "python-reference-conversations"


def bundled_query_set_names() -> tuple[str, ...]:
    """Return the names that need no files of the user's."""
    return (FACTS, PYTHON_REFERENCE, PYTHON_CONVERSATIONS)


def load_query_set(named: str | Sequence[str]) -> QuerySet:
    """Load a query set, or join several: each question is then asked about the documents of its own set.

    Args:
        named: A bundled name, the path of a folder, or what a reader makes a set of; or several of them.

    Raises:
        UsageError: If one of them is none, or if two are the same.
        QuerySetError: If what is there is not valid; every problem of every set is named.
    """
    if isinstance(named, str):
        return _load(named)
    sets, problems = [], []
    for name in named:
        try:
            sets.append(_load(name))
        except QuerySetError as error:
            problems += [f"{name}: {line}" for line in str(error).splitlines()]
    if problems:
        raise QuerySetError("\n".join(problems))
    return join_query_sets(sets)


def _load(name_or_folder: str) -> QuerySet:
    """Load a bundled query set by its name, else the one in the folder of that path, else what a reader makes of it.

    Raises:
        UsageError: If it is none of them.
        QuerySetError: If what is there is not valid.
    """
    if name_or_folder in bundled_query_set_names():
        return _bundled(name_or_folder)
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        if described := describe_folder(folder):
            raise UsageError(f"the query set {name_or_folder!r} is {described}")
        return read_query_set(folder)
    if (found := read_with_plugin(name_or_folder)) is not None:
        return found
    names = ", ".join(bundled_query_set_names())
    if folder.exists():
        described = describe_file(folder) or f"a file; give the folder that contains it, or one of: {names}"
        raise UsageError(f"the query set {name_or_folder!r} is {described}")
    meant = did_you_mean(name_or_folder, bundled_query_set_names())
    raise UsageError(f"unknown query set {name_or_folder!r}, and there is no such folder.{meant} Bundled: {names}")


def _bundled(name: str) -> QuerySet:
    if name == FACTS:
        return build_query_set(name, *generated_facts())
    documents = topic_documents()
    located = locate(written_queries(), documents)
    if name == PYTHON_CONVERSATIONS:
        located = conversation_queries(written_conversations(), located)
    return build_query_set(name, documents, located.queries, notices=located.notices)
