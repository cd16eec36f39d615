"""What must not change between the start of a benchmark run and its resumption."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.errors import RunError
from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs.journal import Journal
from docmind_core.serving.connection import EngineConnection

RESUME_ANYWAY = "Start a new run, or rerun with --resume-anyway, which marks it not comparable."

_CORE = Path(__file__).resolve().parents[1]


@cache
def code_hash() -> str:
    """Return the sha256 over the core's Python and SQL files: the commit alone would miss uncommitted changes."""
    digest = hashlib.sha256()
    for path in sorted([*_CORE.rglob("*.py"), *_CORE.rglob("*.sql")]):
        digest.update(str(path.relative_to(_CORE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run_identity(
    query_set: QuerySet, index_hash: str, engine: EngineConnection, own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str | None]:
    """Return the inputs of a run by readable name, to detect changes on resumption.

    Args:
        query_set: What is asked.
        index_hash: Of the index that is searched.
        engine: What answers.
        own: sha256 of the user's own code that the run is made with: his systems and plug-ins.
    """
    sets = {f"query set {name}": sha256 for name, sha256 in query_set.parts.items()}
    return {
        "code": code_hash(),
        "prompts": prompt_hash(),
        **(sets or {"query set": query_set.query_set_hash}),
        "retrieval index": index_hash,
        "model": engine.model,
        "engine dialect": engine.dialect.name,
        "engine version": engine.engine_version,
        "engine flags": engine.engine_args_hash,
        "context window": None if engine.max_model_len is None else str(engine.max_model_len),
        **own,
    }


def guard_resume(
    journal: Journal, benchmark_run: str, identity: Mapping[str, str | None], *, advice: str = RESUME_ANYWAY
) -> None:
    """Start a run, or let it resume if its inputs have not changed; `advice` is the hint if they have.

    Raises:
        RunError: If something has changed; it is named, with both values.
    """
    begun = journal.identity()
    if begun is None:
        journal.begin(identity)
        return
    changed = [
        f"{name} ({_short(begun.get(name))} → {_short(value)})"
        for name, value in identity.items()
        if begun.get(name) != value
    ]
    accepted = journal.accepts_changes()
    if not changed or accepted:
        if changed:
            journal.change_identity(identity)
        journal.accept_changes(accepted=False)  # it was given for this resumption alone
        return
    raise RunError(f"benchmark run {benchmark_run} was started with something else: {', '.join(changed)}. {advice}")


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]
