"""The guide's grade, token block and recommendations for each arm of a benchmark run."""

from dataclasses import dataclass

from docmind_core.measurements.guide_grade import (
    ExecutionStatistics,
    GuideGrade,
    TokenBlock,
    execution_statistics,
    guide_grade_v1,
    token_block,
)
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Row, Table, figure, table_row
from docmind_core.reports.recommendations import NOTHING_TO_DO, Recommendation, levers_on, recommend
from docmind_core.reports.run_records import ArmRun, parse_object
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_records

_SYSTEM = """
select run_id, total_executions, avg_execution_time, avg_vram_usage, total_tokens_processed, vram_missing_because,
    tokens_missing_because, vram_n
from system_performance
where benchmark_run = $benchmark_run and counted = 'agent_execution'
"""
_AGENTS = """
select run_id, agent_name, execution_count as total_executions, avg_execution_time, avg_vram_usage, vram_n
from agent_performance
where benchmark_run = $benchmark_run
order by run_id, agent_name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmGrade:
    """What the guide says about one arm."""

    arm: str
    system: ExecutionStatistics
    grade: GuideGrade
    tokens: TokenBlock
    recommendations: tuple[Recommendation, ...]
    vram_because: str | None
    tokens_because: str | None


def read_guide_grades(settings: Settings, records: BenchmarkRecords) -> tuple[ArmGrade, ...]:
    """Grade every arm over its agent executions; an arm without one is graded `n/a`."""
    parameters = {"benchmark_run": records.arms[0].benchmark_run}
    systems = {str(row["run_id"]): row for row in query_records(settings, dict, _SYSTEM, parameters)}
    agents: dict[str, dict[str, ExecutionStatistics]] = {}
    for row in query_records(settings, dict, _AGENTS, parameters):
        agents.setdefault(str(row["run_id"]), {})[str(row["agent_name"])] = execution_statistics(row)
    return tuple(_graded(arm, systems.get(arm.run_id, {}), agents.get(arm.run_id, {})) for arm in records.arms)


def guide_grades_table(grades: tuple[ArmGrade, ...]) -> Table:
    """One column per arm: the grade, its parts, and the token block."""
    parts = [
        table_row(f"points for {name}", [figure(arm.grade.parts[name], "count") for arm in grades])
        for name in grades[0].grade.parts
    ]
    return Table(
        caption="Guide grade, computed exactly as the guide defines it, over the arm's agent executions; informational",
        columns=("", *(arm.arm for arm in grades)),
        rows=(
            table_row("guide grade", [_grade_cell(arm) for arm in grades]),
            *parts,
            Row(heading="Components"),
            table_row("agent executions", [figure(arm.system.executions, "count") for arm in grades]),
            table_row("mean time", [figure(arm.system.avg_execution_time_s, "s") for arm in grades]),
            table_row("mean VRAM", [_vram(arm) for arm in grades]),
            table_row("tokens", [_tokens(arm, arm.system.total_tokens) for arm in grades]),
            table_row("tokens per second of total execution time", [_rate(arm) for arm in grades]),
            table_row(
                "tokens per execution",
                [_tokens(arm, arm.tokens.avg_tokens_per_execution) for arm in grades],
            ),
        ),
    )


def recommendation_lines(arm: ArmGrade) -> tuple[str, ...]:
    """Return what the guide recommends for an arm, each sentence with its evidence."""
    if not arm.system.executions:
        return ("not measured: no agent execution has a time",)
    if not arm.recommendations:
        return (NOTHING_TO_DO,)
    return tuple(recommendation_line(one) for one in arm.recommendations)


def recommendation_line(one: Recommendation) -> str:
    """Return a sentence with its evidence; one that is held back says so first."""
    line = f"{one.text} ({one.evidence})"
    return f"omitted because {one.lever} is in use: {line}" if one.held_back else line


def _graded(arm: ArmRun, row: dict[str, object], agents: dict[str, ExecutionStatistics]) -> ArmGrade:
    system = execution_statistics(row)
    engine = parse_object(arm.manifest).get("engine")
    profile = engine.get("profile") if isinstance(engine, dict) else None
    return ArmGrade(
        arm=arm.arm,
        system=system,
        grade=guide_grade_v1(system),
        tokens=token_block(system),
        recommendations=recommend(agents, system, levers_on(arm.arm, profile)) if system.executions else (),
        vram_because=_text(row.get("vram_missing_because")),
        tokens_because=_text(row.get("tokens_missing_because")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _grade_cell(arm: ArmGrade) -> Cell:
    return Cell(words=arm.grade.grade, remark=f"{arm.grade.points} of {arm.grade.points_possible} points")


def _vram(arm: ArmGrade) -> Cell:
    system = arm.system
    partly = system.avg_vram_gb is not None and system.graded_vram_gb is None
    remark = f"known for {system.vram_n:,} of {system.executions:,}, so not graded" if partly else ""
    return figure(system.avg_vram_gb, "GB", because=arm.vram_because, remark=remark)


def _rate(arm: ArmGrade) -> Cell:
    rate = arm.tokens.tokens_per_second
    remark = arm.tokens.token_processing_efficiency if rate is not None else ""
    return figure(rate, "tokens/s", because=arm.tokens_because, remark=remark)


def _tokens(arm: ArmGrade, tokens: float | None) -> Cell:
    return figure(tokens, "tokens", because=arm.tokens_because)
