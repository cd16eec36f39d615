"""A benchmark run against the pinned baselines of its arms, as its report shows it."""

from collections.abc import Iterator, Mapping

from docmind_core.errors import UsageError
from docmind_core.measurements.comparing import GATING
from docmind_core.measurements.run_comparison import refuse_other_conditions
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Table, table_row
from docmind_core.reports.document import Section, Text
from docmind_core.reports.run_comparison_page import COLUMNS, cells
from docmind_core.runs.run_differences import origin_differences
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_records

Row = Mapping[str, object]
_SHOWN = tuple(place for place, name in enumerate(COLUMNS) if name not in {"metric", "agent", "slice"})


def baseline_part(settings: Settings, records: BenchmarkRecords) -> Section | None:
    """Return the report section on the pinned baselines; None without one."""
    suite, arms = records.arms[0].suite, records.arm_names
    pinned = {
        str(row["arm"]): str(row["run_id"])
        for row in query_records(
            settings, dict, "select arm, run_id from baselines where suite = $suite", {"suite": suite}
        )
    }
    pairs = {run_id: pinned[arm] for run_id, arm in arms.items() if arm in pinned}
    if not pairs:
        return None
    table, lines = _table(settings, pairs, arms), Text(style="list", lines=tuple(_lines(settings, pairs, arms)))
    blocks = (table, lines) if table.rows else (lines,)
    return Section(key="baseline", title="Compared with the baseline", link="Baseline", blocks=blocks)


def _table(settings: Settings, pairs: Mapping[str, str], arms: Mapping[str, str]) -> Table:
    found = query_records(
        settings,
        dict,
        "select * from comparisons where agent = 'all' and slice = 'all' and metric in $metrics "
        "and candidate_run_id in $runs",
        {"metrics": list(GATING), "runs": list(pairs)},
    )
    rows = [
        table_row(f"{row['metric']}, {arms[str(row['candidate_run_id'])]}", [cells(row)[place] for place in _SHOWN])
        for row in sorted(found, key=lambda row: (str(row["candidate_run_id"]), GATING.index(str(row["metric"]))))
        if pairs[str(row["candidate_run_id"])] == row["baseline_run_id"]
    ]
    columns = ("metric, arm", *(COLUMNS[place] for place in _SHOWN))
    return Table(caption="Compared with the pinned baselines", columns=columns, rows=tuple(rows))


def _lines(settings: Settings, pairs: Mapping[str, str], arms: Mapping[str, str]) -> Iterator[str]:
    ids = [*pairs, *pairs.values()]
    runs = {
        str(row["run_id"]): row
        for row in query_records(settings, dict, "select * from runs where run_id in $runs", {"runs": ids})
    }
    for run_id, baseline in pairs.items():
        arm = arms[run_id]
        if run_id == baseline:
            yield f"{arm}: this run is the pinned baseline."
        elif baseline not in runs:
            yield f"{arm}: the pinned baseline {baseline} no longer exists; pin another one with docmind baseline pin."
        else:
            yield f"{arm}: {_against(runs[run_id], runs[baseline])}"


def _against(candidate: Row, baseline: Row) -> str:
    try:
        refuse_other_conditions(candidate, baseline)
    except UsageError as refusal:
        return f"{refusal}."
    changed = "; ".join(one.text for one in origin_differences(baseline, candidate)) or "nothing"
    return f"compared with {baseline['run_id']}; changed since: {changed}. More: docmind compare {candidate['run_id']}."
