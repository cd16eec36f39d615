"""A benchmark run in which no query was answered: the cause, and what to do about it."""

import re
from dataclasses import dataclass

from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_rows

_SHOWN_CHARACTERS = 300
_RESUMING = re.compile(r"\s[A-Z][^.]*--resume\.?\Z")
"""What an unreachable engine advises while queries are left to ask."""

_ADVICE = {
    "RequestRejected": "Ask the engine for what it can do: check model, key, and the suite's answer_max_tokens",
    "ContextOverflow": "Give the model a longer window, or ask it for less: top_k, level, answer_max_tokens",
    "CallTimeout": "Allow more time (deadline_s of the suite), or ask less at once (--concurrency)",
    "EngineUnreachable": "Look into the engine's own log, and check the network between here and there",
    "NoAnswer": "The column ended_because of query_runs says it of each",
    "OutputInvalid": "Check that the URL is that of a vLLM server, and that nothing on the way changes its answers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonestError:
    """The error that most failed queries of a benchmark run ended with."""

    answered: int
    """Queries of the whole benchmark run, over all arms."""
    failed: int
    error_type: str | None
    error_message: str | None
    queries: int
    """Failed with this type of error."""


def commonest_error(settings: Settings, benchmark_run: str) -> CommonestError | None:
    """Return the most frequent error of a benchmark run; None when no query failed."""
    _, rows = query_rows(settings, sql_text("commonest_error"), {"benchmark_run": benchmark_run})
    names = CommonestError.__dataclass_fields__
    return CommonestError(**dict(zip(names, rows[0], strict=True))) if rows else None  # type: ignore[arg-type]


def nothing_answered(settings: Settings, benchmark_run: str) -> str | None:
    """Return what most queries failed of, with advice; None when a query was answered, or none has ended."""
    found = commonest_error(settings, benchmark_run)
    if found is None or found.answered:
        return None
    cause = " ".join(": ".join(part for part in (found.error_type, found.error_message) if part).split())
    cause = _RESUMING.sub("", cause)[:_SHOWN_CHARACTERS].rstrip(".")
    share = "all" if found.queries == found.failed else f"{found.queries:,}"
    advice = _ADVICE.get(
        found.error_type or "", "Look at each: docmind sql \"from query_runs where status = 'failed'\""
    )
    return (
        f"no query of {benchmark_run} was answered; {share} of {found.failed:,} failed with {cause}. "
        f"{advice}; then start a new run: finished queries are not asked again."
    )
