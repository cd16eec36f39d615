"""What went wrong most in a benchmark run."""

from dataclasses import dataclass

from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_rows


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
