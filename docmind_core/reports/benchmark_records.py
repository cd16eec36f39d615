"""All rows of one benchmark run that its report shows, read from the published database."""

from dataclasses import dataclass, fields
from functools import cached_property

from docmind_core.errors import UsageError
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.metric import Metric
from docmind_core.reports.run_records import (
    ALL,
    TOKENS_PER_CORRECT,
    ArmRun,
    Comparison,
    Latency,
    NoPassages,
    QualitySummary,
    QueryRun,
    QueryRuns,
    TokenEfficiency,
    Unscored,
    VoteSummary,
    parse_object,
)
from docmind_core.settings import Settings
from docmind_core.suites.own_metrics import own_metrics_of
from docmind_core.tables.columns import coded
from docmind_core.tables.gates import LedgerRow
from docmind_core.tables.reading import Record, query_batches, query_records, query_rows

NEWEST_KEYS_NAMED = 5
_NO_PASSAGES = """(
    select
        run_id,
        count(*) as query_runs,
        count(*) filter (where no_passages) as found_none,
        count(*) filter (where no_passages and abstained) as abstained,
        count(*) filter (where no_passages and abstained and passed.value = 1) as passed
    from query_runs
    join runs using (run_id)
    left join (from measurements where metric = 'passed' and draw = 0) as passed using (run_id, query_id, replicate)
    where benchmark_run = $benchmark_run and query_runs.phase is distinct from 'warmup'
    group by run_id
) where found_none > 0"""

_UNSCORED = """(
    select metric, missing_because as because, missing_detail as detail, count(*)::integer as query_runs
    from measurements
    join runs using (run_id)
    where benchmark_run = $benchmark_run and missing_detail is not null
    group by all
) order by query_runs desc, metric, detail"""


@dataclass(frozen=True, kw_only=True)
class BenchmarkRecords:
    """All rows of one benchmark run that its report shows."""

    arms: tuple[ArmRun, ...]
    """In the order of the suite."""
    query_runs: QueryRuns
    """Those of a query next to each other, the first replicate first."""
    tokens: tuple[TokenEfficiency, ...]
    latencies: tuple[Latency, ...]
    ledger: tuple[LedgerRow, ...]
    quality: tuple[QualitySummary, ...]
    comparisons: tuple[Comparison, ...]
    no_passages: tuple[NoPassages, ...]
    """Of the arms that have such query runs."""
    unscored: tuple[Unscored, ...] = ()
    """What the user's scorers failed at, the most frequent first."""
    votes: tuple[VoteSummary, ...] = ()
    """Of the arms that vote."""

    @cached_property
    def arm_names(self) -> dict[str, str]:
        """Arm by run_id."""
        return {arm.run_id: arm.arm for arm in self.arms}

    @cached_property
    def tokens_of_arms(self) -> dict[str, TokenEfficiency]:
        """The row over all agents by run_id."""
        return {row.run_id: row for row in self.tokens if row.agent == ALL}

    @cached_property
    def latencies_of_arms(self) -> dict[str, Latency]:
        """The row over all calls and queries by run_id."""
        return {row.run_id: row for row in self.latencies if row.agent == ALL}

    @cached_property
    def quality_of_arms(self) -> dict[tuple[str, str], QualitySummary]:
        """The row over all queries by run_id and metric."""
        return {(row.run_id, row.metric): row for row in self.quality if row.query_type == ALL}

    @cached_property
    def own_metrics(self) -> dict[str, Metric]:
        """The user's own metrics that the run was scored by, as they were declared when it began."""
        return own_metrics_of(self.arms[0].manifest)

    @cached_property
    def quality_metrics(self) -> tuple[str, ...]:
        """Names of the quality metrics that some arm was scored by, in the order of the catalogue."""
        found = {row.metric for row in self.quality if row.metric != TOKENS_PER_CORRECT}
        known = [metric for metric in (*METRICS, *self.own_metrics) if metric in found]
        return (*known, *sorted(found.difference(known)))

    @cached_property
    def queries_of_arms(self) -> dict[str, QueryRuns]:
        """Query runs by run_id; every arm has an entry."""
        found = self.query_runs.by_run()
        return {arm.run_id: found.get(arm.run_id, self.query_runs[:0]) for arm in self.arms}


def read_benchmark(settings: Settings, benchmark_run: str) -> BenchmarkRecords:
    """Read everything the report of a benchmark run shows, except its example queries.

    Raises:
        UsageError: If the database has no such benchmark run; the newest ones are named.
        StoreError: If there is no database yet.
    """
    arms = _read(settings, ArmRun, "runs where benchmark_run = $benchmark_run order by started_at, arm", benchmark_run)
    if not arms:
        raise UsageError(_unknown_benchmark_run(settings, benchmark_run))
    of_run = "where run_id in (select run_id from runs where benchmark_run = $benchmark_run)"
    return BenchmarkRecords(
        arms=_in_suite_order(arms),
        query_runs=_query_runs(
            settings,
            f"query_runs {of_run} and phase is distinct from 'warmup' order by query_id, replicate",
            benchmark_run,
        ),
        no_passages=_read(settings, NoPassages, _NO_PASSAGES, benchmark_run),
        unscored=_read(settings, Unscored, _UNSCORED, benchmark_run),
        votes=_read(settings, VoteSummary, f"vote_summary {of_run} order by run_id", benchmark_run),
        tokens=_read(settings, TokenEfficiency, f"token_efficiency {of_run} order by run_id, agent", benchmark_run),
        latencies=_read(settings, Latency, f"latency_summary {of_run} order by run_id, agent", benchmark_run),
        ledger=_read(settings, LedgerRow, f"ledger_balance {of_run} order by run_id, engine_session", benchmark_run),
        quality=_read(settings, QualitySummary, f"quality_summary {of_run} order by metric, query_type", benchmark_run),
        comparisons=_read(
            settings,
            Comparison,
            f"comparisons {of_run} and agent = 'all' and slice = 'all' "
            "and starts_with(baseline_run_id, $benchmark_run || '.') order by metric",
            benchmark_run,
        ),
    )


def _query_runs(settings: Settings, source: str, benchmark_run: str) -> QueryRuns:
    sql = f"select {', '.join(QueryRun._fields)} from {source}"
    with query_batches(settings, sql, {"benchmark_run": benchmark_run}) as batches:
        return QueryRuns(coded(batches, QueryRun._fields))


def _read(settings: Settings, record: type[Record], source: str, benchmark_run: str) -> tuple[Record, ...]:
    names = [field.name for field in fields(record)]  # type: ignore[arg-type]
    sql = f"select {', '.join(names)} from {source}"
    return query_records(settings, record, sql, {"benchmark_run": benchmark_run})


def _in_suite_order(arms: tuple[ArmRun, ...]) -> tuple[ArmRun, ...]:
    # A resumed benchmark can start its arms in another order than the suite names them.
    suite = parse_object(arms[0].manifest).get("suite")
    named = suite.get("arms") if isinstance(suite, dict) else None
    order = {name: place for place, name in enumerate(named)} if isinstance(named, list) else {}
    return tuple(sorted(arms, key=lambda arm: order.get(arm.arm, len(order))))


def _unknown_benchmark_run(settings: Settings, benchmark_run: str) -> str:
    _, rows = query_rows(
        settings,
        "select benchmark_run from runs group by all "
        "order by max(run_number) desc nulls last, max(started_at) desc nulls last limit $newest",
        {"newest": NEWEST_KEYS_NAMED},
    )
    newest = ", ".join(str(row[0]) for row in rows)
    known = f"The newest: {newest}" if newest else "There are none yet; run one: docmind bench smoke"
    return f"there is no benchmark run {benchmark_run!r} in the database. {known}"
