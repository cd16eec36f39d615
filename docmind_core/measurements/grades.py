"""Grades of a benchmark run: the letters that follow from its limits, and the guide's own grade of each arm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.measurements.guide_grade import GuideGrade, execution_statistics, guide_grade_v1
from docmind_core.measurements.limit_results import MET, MISSED, NOT_JUDGED, NOT_MEASURED, LimitResult
from docmind_core.measurements.limit_values import measure_limits
from docmind_core.metrics.limits import QUALITY
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_segments
from docmind_core.tables.segments import read_segment, run_ids_of, write_segment

INCOMPLETE = "incomplete"
OVERALL, GUIDE = "overall", "guide"
NO_LIMIT = "the suite sets no limit"
_SYSTEM = """
select run_id, total_executions, avg_execution_time, avg_vram_usage, total_tokens_processed, vram_n,
    vram_missing_because, tokens_missing_because
from system_performance
where counted = 'agent_execution'
"""
_REASONS = ("vram_missing_because", "tokens_missing_because")
_SYSTEM_TABLES = ("runs", "query_runs", "llm_calls", "spans", "device_samples")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`A`, `B`, `C`, `D` or `incomplete`; None when no letter may be given."""

    letter: str | None
    because: str

    def __str__(self) -> str:
        return f"{self.letter or 'no grade'} ({self.because})"


def write_limits(folder: Path, benchmark_run: str, suite: Suite) -> int:
    """Measure and judge the limits of a benchmark run, once for all who read them; return how many rows there are.

    Writes `limit_results` of the arm that is judged, and `grades` of every arm.
    """
    results = measure_limits(folder, benchmark_run, suite)
    judged = results[0].run_id
    write_segment(folder, "limit_results", judged, [result.row for result in results])
    run_ids = run_ids_of(folder, benchmark_run)
    plumbing = any(row["plumbing"] for run_id in run_ids for row in read_segment(folder, "runs", run_id))
    guide = _guide_grades(folder, run_ids)
    for run_id in dict.fromkeys((*run_ids, judged)):
        rows = _letters(run_id, results, plumbing=plumbing) if run_id == judged else []
        write_segment(folder, "grades", run_id, [*rows, _guide_row(run_id, guide.get(run_id))])
    return len(results)


def overall_letter(results: Iterable[LimitResult], *, plumbing: bool) -> Letter:
    """Return the letter over all limits; a smoke-test model gets none."""
    if plumbing:
        return Letter(letter=None, because="a smoke-test model")
    return _letter(tuple(result for result in results if result.state != NOT_JUDGED))


def dimension_letters(results: Iterable[LimitResult], *, plumbing: bool) -> dict[str, Letter]:
    """Return the letter of each dimension from its own limits; quality gets none on a smoke-test model."""
    of_dimension: dict[str, list[LimitResult]] = {}
    for result in results:
        of_dimension.setdefault(result.limit.dimension, []).append(result)
    return {name: overall_letter(rows, plumbing=plumbing and name == QUALITY) for name, rows in of_dimension.items()}


def _letter(results: tuple[LimitResult, ...]) -> Letter:
    names = dict.fromkeys(result.limit.name for result in results)  # a limit may hold for each agent
    if not results:
        return Letter(letter=None, because=NO_LIMIT)
    is_decided = any(result.state in {MET, MISSED} for result in results)
    hard = [result for result in results if result.limit.is_hard]
    rules = (
        ("D", [one for one in hard if one.state == MISSED], "hard limit missed"),
        (INCOMPLETE, [one for one in hard if one.state == NOT_MEASURED], "hard limit not measured"),
        ("C", [one for one in results if one.state == MISSED], "limit missed"),
        ("B", [one for one in results if one.state != MET], "undecided or not measured"),
    )
    for letter, found, because in rules:
        if letter == "B" and not is_decided:
            one = len(names) == 1
            return Letter(
                letter=None, because="its limit is not decided" if one else f"none of {len(names)} limits decided"
            )
        if found:
            metrics = dict.fromkeys(result.limit.metric for result in found)
            return Letter(letter=letter, because=f"{because}: {', '.join(metrics)}")
    return Letter(letter="A", because="all limits met")


def _letters(run_id: str, results: Sequence[LimitResult], *, plumbing: bool) -> list[dict[str, object]]:
    letters = {OVERALL: overall_letter(results, plumbing=plumbing), **dimension_letters(results, plumbing=plumbing)}
    return [
        {"run_id": run_id, "dimension": dimension, "letter": letter.letter, "because": letter.because}
        for dimension, letter in letters.items()
    ]


def _guide_grades(folder: Path, run_ids: Sequence[str]) -> dict[str, tuple[GuideGrade, Mapping[str, object]]]:
    if not run_ids:
        return {}
    names, rows = query_segments(folder, run_ids, _SYSTEM, tables=_SYSTEM_TABLES)
    systems = [dict(zip(names, row, strict=True)) for row in rows]
    return {str(row["run_id"]): (guide_grade_v1(execution_statistics(row)), row) for row in systems}


def _guide_row(run_id: str, found: tuple[GuideGrade, Mapping[str, object]] | None) -> dict[str, object]:
    grade, row = found or (guide_grade_v1(execution_statistics({})), {})
    missing = dict.fromkeys(str(row[name]) for name in _REASONS if row.get(name))
    parts = ", ".join(f"{name} {points}" for name, points in grade.parts.items() if points is not None)
    return {
        "run_id": run_id,
        "dimension": GUIDE,
        "letter": grade.letter,
        "because": "; ".join(part for part in (str(grade), parts, ", ".join(missing)) if part),
        "points": grade.points,
        "points_possible": grade.points_possible,
    }
