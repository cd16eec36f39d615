"""The page that lists all reports of a home, for the web UI: where each suite and arm is, and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from docmind_core.errors import StoreError
from docmind_core.measurements.limit_results import MET, MISSED, NOT_MEASURED, UNDECIDED, WORST_FIRST
from docmind_core.metrics.signs import signed
from docmind_core.reports.cells import Cell, figure
from docmind_core.reports.rendering import html_environment
from docmind_core.reports.verdict_tiles import BAD, GOOD, ICONS, OPEN, PLAIN, Colour
from docmind_core.runs.keys import is_benchmark_run
from docmind_core.runs.recorded_run import recorded_note
from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_rows

RUNS_SHOWN = 20
_WIDTH, _HEIGHT, _MARGIN = 120.0, 26.0, 3.0
_RUNS = f"""
with newest as (
    select suite, max_by(benchmark_run, (started_at, benchmark_run)) as benchmark_run
    from runs
    where status is distinct from 'decided'
    group by all
)
select suite, arm, run_id, newest.benchmark_run, series_key
from runs
join newest using (suite)
where runs.status is distinct from 'decided'
    and arm in (select r.arm from runs as r where r.benchmark_run = newest.benchmark_run)
qualify row_number() over (partition by suite, arm order by started_at desc, run_id desc) <= {RUNS_SHOWN}
order by suite, arm, started_at, run_id
"""
_STATES = """
-- A limit that holds for each agent counts once, by its worst agent.
select run_id, state, count(*)::integer
from (
    select run_id, limit_name, arg_min(state, list_position($worst_first, state)) as state
    from limit_results
    where run_id in $run_ids and state <> 'not judged'
    group by all
)
group by all
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLine:
    """One arm of the newest benchmark run of a suite, with what its last runs came to."""

    suite: str
    arm: str
    benchmark_run: str
    passed: Cell
    passed_line: Markup
    tokens: Cell
    tokens_line: Markup
    state: str
    """Its limits in words; a dash for an arm that they don't hold for."""
    colour: Colour
    icon: str


def list_page(settings: Settings) -> str:
    """Return a page with the trend of each suite and arm, and a link to each written report, newest first."""
    pages = [path.parent.name for path in settings.reports.glob("*/index.html") if is_benchmark_run(path.parent.name)]
    exports = [path.name for path in (settings.reports / "periods").glob("*.*") if not path.name.startswith(".")]
    template = html_environment().get_template("reports.html.j2")
    return template.render(
        pages=sorted(pages, reverse=True),
        exports=sorted(exports, reverse=True),
        lines=read_arm_lines(settings),
        recorded=recorded_note(settings),
    )


def read_arm_lines(settings: Settings) -> list[ArmLine]:
    """Return a line per suite and arm of its newest benchmark run; none where nothing is published or can be read."""
    try:
        _, runs = query_rows(settings, _RUNS)
        run_ids = [str(run_id) for _, _, run_id, *_ in runs]
        _, values = query_rows(settings, sql_text("run_history"), {"run_ids": run_ids})
        _, limits = query_rows(settings, _STATES, {"run_ids": run_ids, "worst_first": list(WORST_FIRST)})
    except StoreError:
        return []
    history = {str(run_id): (_number(passed), _number(tokens)) for run_id, passed, _, tokens, _ in values}
    counts: dict[str, dict[str, int]] = {}
    for run_id, state, count in limits:
        counts.setdefault(str(run_id), {})[str(state)] = int(str(count))
    lines = []
    for (suite, arm), group in groupby(runs, key=lambda row: (str(row[0]), str(row[1]))):
        of_arm = list(group)
        newest, states = of_arm[-1], counts.get(str(of_arm[-1][2]), {})
        passed, tokens = zip(*(history.get(str(row[2]), (None, None)) for row in of_arm), strict=True)
        series = [row[4] for row in of_arm]
        colour, said = _limits(states)
        lines.append(
            ArmLine(
                suite=suite,
                arm=arm,
                benchmark_run=str(newest[3]),
                passed=figure(passed[-1], "1"),
                passed_line=sparkline(passed, series, f"passed in the last {len(passed)} runs of {arm}"),
                tokens=figure(tokens[-1], "tokens"),
                tokens_line=sparkline(tokens, series, f"tokens per query in the last {len(tokens)} runs of {arm}"),
                state=said,
                colour=colour,
                icon=ICONS[colour] if states else "",
            )
        )
    return lines


def _limits(states: Mapping[str, int]) -> tuple[Colour, str]:
    open_ones = states.get(UNDECIDED, 0) + states.get(NOT_MEASURED, 0)
    colour: Colour = BAD if states.get(MISSED) else OPEN if open_ones else GOOD if states.get(MET) else PLAIN
    known = (MISSED, UNDECIDED, NOT_MEASURED, MET)
    return colour, ", ".join(f"{states[state]} {state}" for state in known if states.get(state)) or "–"


def sparkline(values: Sequence[float | None], series: Sequence[object], description: str) -> Markup:
    """Draw values as a line, the last one as a dot; it breaks where one is not known, or the conditions changed.

    Args:
        values: Oldest first.
        series: What a value is comparable within, one per value.
        description: What a screen reader says first.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup()
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (_WIDTH - 2 * _MARGIN) / (len(values) - 1)
    path, before, x, y = [], None, 0.0, 0.0
    for place, (value, one) in enumerate(zip(values, series, strict=True)):
        if value is not None:
            x = _MARGIN + place * step
            y = _HEIGHT - _MARGIN - (value - low) / span * (_HEIGHT - 2 * _MARGIN)
            path.append(f"{'L' if before == (place - 1, one) else 'M'}{x:.1f} {y:.1f}")
            before = (place, one)
    first, last, lowest, highest = (signed(value, ".4g") for value in (known[0], known[-1], low, max(known)))
    figures = f"from {first} to {last}, lowest {lowest}, highest {highest}"
    opening = Markup('<svg class="spark" role="img" aria-label="{}: {}" viewBox="0 0 {:g} {:g}">')
    drawn = Markup('<path d="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="2.5"/></svg>')
    return opening.format(description, figures, _WIDTH, _HEIGHT) + drawn.format(" ".join(path), x, y)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
