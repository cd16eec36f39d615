"""The report of one benchmark run as a document: its sections, most important first."""

from collections.abc import Mapping, Sequence
from functools import partial

from docmind_core.measurements.guide_grade import KNOWN_FAULTS, RULES
from docmind_core.reports.arm_notices import endings_sentence, load_sentence
from docmind_core.reports.arm_table import arm_table
from docmind_core.reports.baseline_table import baseline_part
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.charts import interval_dots, stacked_bars, trade_off_chart
from docmind_core.reports.definitions import definitions
from docmind_core.reports.detail_tables import (
    agents_table,
    failures_table,
    ledger_table,
    quality_by_type_table,
    tokens_by_agent,
    unknown_agents,
)
from docmind_core.reports.document import Chart, Examples, Findings, Listing, Report, Section, Terms, Text, Tiles
from docmind_core.reports.estimates import quality_estimate
from docmind_core.reports.example_queries import RULE, read_example_queries
from docmind_core.reports.guide_grades import guide_grades_table, read_guide_grades, recommendation_lines
from docmind_core.reports.headline import headline, no_passages_sentence, plumbing_sentence, unjudged_sentence
from docmind_core.reports.history import ArmHistory
from docmind_core.reports.history_chart import HISTORY_KEY, history_svg
from docmind_core.reports.lever_table import levers_part
from docmind_core.reports.limits_table import Scorecard, scorecard_table
from docmind_core.reports.number_text import moment_text
from docmind_core.reports.open_alerts import alert_part, read_alert_section
from docmind_core.reports.opponents import budget_sentence, is_free, opponents_table, pareto_front, trade_offs
from docmind_core.reports.own_metrics import fits_the_chart, unscored_sentence
from docmind_core.reports.provenance import manifest_texts, not_measured_table, read_gpus, what_ran_table
from docmind_core.reports.query_table import query_table
from docmind_core.reports.run_records import ArmRun
from docmind_core.reports.summary import ledger_line
from docmind_core.reports.time_spent import time_blocks, waterfall_part
from docmind_core.reports.verdict_tiles import judged_arm_of, verdict_tiles
from docmind_core.runs.recorded_run import recorded_note
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.damage import damaged_files, damaged_runs

TOKENS_UNIT = "billed tokens per query"
_TRADE_OFF_NOTE = (
    "Lines through a marker are 95 % intervals. The Pareto front connects the arms that no other arm beats in both "
    "measures, by point estimate. An arm without a model is drawn as a horizontal line, the floor."
)


def benchmark_report(
    settings: Settings, records: BenchmarkRecords, scorecard: Scorecard, histories: Sequence[ArmHistory]
) -> Report:
    """Put the report of a benchmark run together."""
    first, judged = records.arms[0], judged_arm_of(records, scorecard)
    own, others = ([each for each in histories if (each.arm == judged.arm) is mine] for mine in (True, False))
    arms = f"{len(records.arms)} {'arm' if len(records.arms) == 1 else 'arms'}"
    ran = f"Benchmark of {moment_text(first.started_at)} on {first.query_set}, model {first.model}, {arms}"
    sections = (
        _verdict(settings, records, scorecard, histories),
        _history("history", f"Last runs of {judged.arm}", own),
        _why(settings, records),
        levers_part(settings, records),
        waterfall_part(settings, records, judged),
        _limits(scorecard),
        _opponents(records),
        Section(key="arms", title="Arms side by side", link="Arms", blocks=(arm_table(records),)),
        baseline_part(settings, records),
        _quality(records),
        alert_part(read_alert_section(settings, first.suite)),
        _history("history-others", "Last runs of the other arms", others),
        *_of_queries(settings, records, judged),
        *_conditions(settings, records),
    )
    return Report(
        about="benchmark",
        title=f"{first.suite}: {first.benchmark_run}",
        subtitle=ran,
        benchmark_run=first.benchmark_run,
        suite=first.suite,
        arms=tuple(arm.arm for arm in records.arms),
        sections=tuple(section for section in sections if section),
    )


def damaged_sentence(settings: Settings) -> str | None:
    """Say which runs and files are missing because they are damaged; None when none is."""
    if not (files := damaged_files(settings)):
        return None
    runs = ", ".join(sorted(damaged_runs(settings.tables)))
    left_out = f" Not in the database: {runs}." if runs else ""
    return f"Damaged files in this home: {len(files)}.{left_out} Run docmind doctor."


def _verdict(
    settings: Settings, records: BenchmarkRecords, scorecard: Scorecard, histories: Sequence[ArmHistory]
) -> Section:
    warnings = (
        recorded_note(settings),
        plumbing_sentence(records),
        damaged_sentence(settings),
        endings_sentence(records),
        no_passages_sentence(records),
        unscored_sentence(records),
        load_sentence(records),
    )
    said = tuple(filter(None, warnings))
    unjudged = unjudged_sentence(records)
    judged = judged_arm_of(records, scorecard)
    return Section(
        key="verdict",
        blocks=(
            Tiles(arm=judged.arm, tiles=verdict_tiles(records, scorecard, histories)),
            Findings(findings=headline(records), ledger=ledger_line(records)),
            *_trade_off(records),
            *([Text(style="warning", lines=said)] if said else []),
            *([Text(style="muted", lines=(unjudged,))] if unjudged else []),
        ),
    )


def _trade_off(records: BenchmarkRecords) -> list[Chart]:
    points = trade_offs(records)
    if all(map(is_free, points)):
        return []
    front = [point.arm for point in pareto_front(points)]
    drawn = "Share of queries that passed against billed tokens per query"
    draw = partial(
        trade_off_chart,
        {point.arm: (point.tokens, point.quality) for point in points},
        front=front,
        floor=next((point.arm for point in points if is_free(point)), None),
        description=f"{drawn}; on the front: {', '.join(front) or 'none'}",
    )
    return [Chart(note=_TRADE_OFF_NOTE, draw=draw)]


def _history(key: str, title: str, histories: Sequence[ArmHistory]) -> Section | None:
    if not histories:
        return None
    figures = (
        f"Figures: docmind sql \"from metric_history where arm = '{histories[0].arm}' order by metric, started_at\""
    )
    chart = Chart(note=f"{HISTORY_KEY}. {figures}", draw=partial(history_svg, histories))
    return Section(key=key, title=title, folded=key != "history", blocks=(chart,))


def _limits(scorecard: Scorecard) -> Section:
    verdict = Text(style="strong", lines=(scorecard.verdict,))
    return Section(key="scorecard", title="Limits", blocks=(verdict, scorecard_table(scorecard)))


def _opponents(records: BenchmarkRecords) -> Section | None:
    table, budget = opponents_table(records), budget_sentence(records)
    if table is None:
        return None
    blocks = (table, Text(lines=(budget,))) if budget else (table,)
    return Section(key="opponents", title="tuned compared with its opponents", link="Opponents", blocks=blocks)


def _why(settings: Settings, records: BenchmarkRecords) -> Section:
    shares, unknown = tokens_by_agent(records), unknown_agents(records)
    drawn = "Stacked bars: billed tokens per query of each arm, by agent; figures in the table"
    chart = Chart(
        note="Billed tokens per query, by agent.",
        draw=partial(stacked_bars, shares, unit=TOKENS_UNIT, incomplete=unknown, description=drawn),
    )
    incomplete = tuple(f"{arm} is incomplete: tokens unknown for {agents}." for arm, agents in unknown.items())
    seconds, table = time_blocks(settings, records)
    return Section(
        key="why",
        title="Why: tokens and time",
        link="Why",
        blocks=(
            chart if any(shares.values()) else Text(lines=("No chart: no calls with known token usage.",)),
            seconds,
            *([Text(style="muted", lines=incomplete)] if incomplete else []),
            agents_table(records),
            table,
        ),
    )


def _quality(records: BenchmarkRecords) -> Section:
    quality, table = _quality_estimates(records), quality_by_type_table(records)
    drawn = "Mean score of each arm in each quality metric, with its interval; figures in the table"
    unit = "mean score with its 95 % interval"
    note = "A marker without a line has no interval: all its scores are equal, or they come from a single document."
    chart = Chart(note=note, draw=partial(interval_dots, quality, unit=unit, description=drawn))
    return Section(
        key="quality",
        title="Quality by metric and type of query",
        link="Quality",
        folded=True,
        blocks=(
            chart if quality else Text(lines=("No chart: nothing was scored.",)),
            *([table] if table.rows else []),
        ),
    )


def _quality_estimates(records: BenchmarkRecords) -> Mapping[str, Mapping[str, Estimate]]:
    found: dict[str, dict[str, Estimate]] = {}
    for metric in records.quality_metrics:
        for arm in records.arms:
            row = records.quality_of_arms.get((arm.run_id, metric))
            if row is not None and row.value is not None and fits_the_chart(records, row):
                found.setdefault(metric, {})[arm.arm] = quality_estimate(row, records.own_metrics)
    return found


def _of_queries(settings: Settings, records: BenchmarkRecords, judged: ArmRun) -> list[Section]:
    examples = Examples(rule=RULE, examples=read_example_queries(settings, records))
    failures = failures_table(records)
    none = Text(lines=("None: every finished query has an answer from its own arm.",))
    return [
        Section(key="queries", title="All queries", folded=True, blocks=(query_table(settings, records, judged),)),
        Section(key="examples", title="Example queries", link="Examples", folded=True, blocks=(examples,)),
        Section(key="failures", title="Failures", blocks=(failures if failures.rows else none,)),
    ]


def _conditions(settings: Settings, records: BenchmarkRecords) -> list[Section]:
    grades, ledger = read_guide_grades(settings, records), ledger_table(records)
    advice = tuple(f"{arm.arm}: {line}" for arm in grades for line in recommendation_lines(arm))
    ran = what_ran_table(records, read_gpus(settings, records))
    manifests = tuple(Listing(title=f"Manifest of {arm}", text=text) for arm, text in manifest_texts(records))
    lines = Text(lines=(ledger_line(records),))
    return [
        Section(key="ledger", title="Ledger", folded=True, blocks=(lines, ledger) if ledger.rows else (lines,)),
        Section(
            key="guide-grade",
            title="Guide grade",
            folded=True,
            blocks=(
                guide_grades_table(grades),
                Text(lines=("Known flaws of this grade:",)),
                Text(style="list", lines=KNOWN_FAULTS),
            ),
        ),
        Section(
            key="guide-recommendations",
            title="The guide's recommendations",
            folded=True,
            blocks=(Text(style="muted", lines=(RULES,)), Text(style="list", lines=advice)),
        ),
        Section(key="what-ran", title="What ran", folded=True, blocks=(ran, *manifests)),
        Section(
            key="not-measured",
            title="What was not measured",
            link="Not measured",
            folded=True,
            blocks=(not_measured_table(settings, records),),
        ),
        Section(key="definitions", title="Definitions", folded=True, blocks=(Terms(terms=definitions(records)),)),
    ]
