"""Which format a file or folder has: found by name and first keys, or named."""

import shlex
from pathlib import Path

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.query_sets.importers.beir import BEIR
from docmind_core.query_sets.importers.domain_sets import FINANCEBENCH, PUBMEDQA, RAGEVAL
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.multi_hop import HOTPOTQA, MULTIHOP_RAG, MUSIQUE
from docmind_core.query_sets.importers.open_domain import CLAPNQ, DPR, NQ_OPEN
from docmind_core.query_sets.importers.source import Source
from docmind_core.query_sets.importers.squad import SQUAD
from docmind_core.query_sets.importers.table import TABLE, suggested_mapping
from docmind_core.query_sets.importers.tools import AUTORAG, DEEPEVAL, INSPECT, NAT, PROMPTFOO, RAGAS
from docmind_core.query_sets.importers.trec import TREC

FORMATS = (
    *(
        BEIR,
        TREC,
        AUTORAG,
        MULTIHOP_RAG,
        RAGEVAL,
        SQUAD,
        HOTPOTQA,
        MUSIQUE,
        DPR,
        CLAPNQ,
        FINANCEBENCH,
        PUBMEDQA,
        PROMPTFOO,
    ),
    *(RAGAS, INSPECT, DEEPEVAL, NAT, NQ_OPEN),
)
"""The special ones first: the last ones share keys with many."""


def find_format(name: str) -> Format:
    """Return the format of a name.

    Raises:
        UsageError: If there is none.
    """
    for found in (*FORMATS, TABLE):
        if found.name == name:
            return found
    names = [found.name for found in (*FORMATS, TABLE)]
    raise UsageError(f"unknown format {name!r}.{did_you_mean(name, names)} Choose from {', '.join(names)}")


def recognised(source: Source) -> Format | None:
    """Return the format that a source has by its names and first keys; None where it has none of them."""
    return next((found for found in FORMATS if found.accepts(source)), None)


def whole_set(path: Path) -> Path:
    """Return the folder of the set that a file is part of, such as a corpus or its judgements; else the path itself."""
    if path.is_dir():
        return path
    for folder in (path.parent, path.parent.parent if path.parent.name == "qrels" else path.parent):
        source = Source(folder)
        parts = {found for found in (source.find("corpus.jsonl"), source.find("queries.jsonl")) if found}
        if BEIR.accepts(source) and (path in parts or path.parent.name == "qrels"):
            return folder
        if (MULTIHOP_RAG.accepts(source) or AUTORAG.accepts(source)) and path.stem == "corpus":
            return folder
    return path


def import_command(path: Path, folder: str = "FOLDER") -> str | None:
    """Return the command that imports what is at `path`; None where no format fits and no column says `question`."""
    whole = whole_set(path)
    source = Source(whole)
    mapping = ""
    if recognised(source) is None:
        suggestion = suggested_mapping(source.names)
        if suggestion is None:
            return None
        mapping = f" --map {shlex.quote(suggestion)}"
    return f"docmind import {shlex.quote(str(whole))} {folder}{mapping}"
