"""What all arms of a benchmark run share while it runs, and how each of them is set up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from docmind_core.agents.context_window import CountsTokens
from docmind_core.query_sets.evidence import evidence_recall
from docmind_core.query_sets.queries import Query
from docmind_core.query_sets.selection import cluster_ids
from docmind_core.retrieval.index import RetrievalIndex
from docmind_core.runs.arm_run import ArmTally, EarlierQueries
from docmind_core.runs.arm_switches import context_window
from docmind_core.runs.blocks import Looks, QueryPlan, Share, plan_queries, plan_shares
from docmind_core.runs.clock import ClockAnchor, read_anchor
from docmind_core.runs.engine_readings import ReadCounters, Readings, read_replicas
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.progress import RunObserver
from docmind_core.runs.query_row import AskedQuery, asked_query
from docmind_core.runs.query_run import ArmSetting, Replica
from docmind_core.runs.query_tools import EngineBinding
from docmind_core.runs.suite_arms import suite_arm
from docmind_core.serving.places import IN_FLIGHT_MAX, AdaptiveLimit
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.serving.replicas import ReplicaClients
from docmind_core.settings import Settings
from docmind_core.suites.plain_values import AUTO_FIRST

if TYPE_CHECKING:
    from docmind_core.runs.workers import Workers  # which imports this module


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenArm:
    """An arm that this process works on, from its first block to its last."""

    setting: ArmSetting
    tally: ArmTally
    earlier: EarlierQueries


@dataclass(kw_only=True)
class Bench:
    """What all arms of a benchmark run share while it runs."""

    settings: Settings
    inputs: RunInputs
    index: RetrievalIndex
    journal: Journal
    observer: RunObserver
    counts: CountsTokens | None
    """Counts the served model's tokens; None if the engine offers no way to."""
    looks: Looks | None = None
    """Ends an arm early if its gate has decided; None without a sequential gate."""
    decided: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By arm: how many queries were asked when a look stopped it, and why."""
    clock: ClockAnchor = field(default_factory=read_anchor)
    """One for all arms, so that a wall clock that is set back doesn't put a later arm before an earlier one."""
    open_arms: dict[str, OpenArm] = field(default_factory=dict)
    probed: set[str] = field(default_factory=set)
    """Arms whose gate was checked before their first share."""
    proxy: RecordingProxy | None = None
    """The proxy through which the user's systems reach the engine; None in a suite without systems."""
    limits: dict[str, AdaptiveLimit] = field(default_factory=dict)
    """By arm, how many calls its engine can use, where the suite says `concurrency: auto`."""
    workers: "Workers | None" = None
    """Answers shards; None if this process answers all queries itself."""
    hosts: set[str] = field(default_factory=set)
    """Machines on which shards were answered."""
    requests_of_shards: Counter[int] = field(default_factory=Counter)
    """Chat requests that their connection pools were given, by the number of the replica."""
    requests_lost: bool = False
    """Whether a worker died with its count, in this share or since the interval before."""
    bookings_lost: bool = False
    """Whether its last bookings are lost as well."""
    interval: int = 0
    """How many engine sessions the ledger has begun within this share, because workers were lost."""
    lag_peak_s: float | None = None
    """Largest lag of a worker since it was last taken."""
    last_reading: Readings = ()
    """Of the counters at the end of the share before, while nothing has happened since: it begins the next one too."""

    @cached_property
    def plan(self) -> QueryPlan:
        """The queries of the suite in their blocks."""
        return plan_queries(self.inputs.query_set.queries, self.inputs.suite)

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """What each arm answers in each block, replicates that were added later in blocks of their own."""
        return plan_shares(self.plan, self.inputs.suite.replicates, self.journal.additions())

    @cached_property
    def _clusters(self) -> dict[str, str]:
        queries = [query for block in self.plan.blocks for query in block]
        return cluster_ids(queries, self.inputs.query_set.same_documents)

    def asked(self, queries: Sequence[Query]) -> list[AskedQuery]:
        """Return queries without their gold answers and other hints."""
        return [asked_query(query, self._clusters.get(query.query_id, query.query_id)) for query in queries]

    @property
    def expected(self) -> int:
        """How many rows an arm must have when finished, without warm-up."""
        return sum(len(block) for block in self.plan.blocks) * self.inputs.suite.replicates

    def has_begun(self, arm: str) -> bool:
        """Whether this process or an earlier one has worked on an arm."""
        return self.journal.arm(self.run_id(arm)) is not None

    def run_id(self, arm: str) -> str:
        """Return the id of an arm's run."""
        return run_id_of(self.inputs.benchmark_run, arm)

    def note_lag(self, lag_s: float) -> None:
        """Note how late a worker's event loop is."""
        self.lag_peak_s = max(self.lag_peak_s or 0.0, lag_s)

    def take_lag(self) -> float | None:
        """Return the largest lag that was noted since the last time; None where none was."""
        lag_s, self.lag_peak_s = self.lag_peak_s, None
        return lag_s

    async def read_counters(self, replicas: ReplicaClients, read: ReadCounters) -> Readings:
        """Read the counters of all replicas, with the requests that all processes have sent to each."""
        readings = await read_replicas(replicas, read)
        return tuple(
            replace(reading, requests_sent=self._sent_by_all(number, reading.requests_sent))
            for number, reading in enumerate(readings)
        )

    def counted_as(self, session: str) -> str:
        """Return the session under which the calls of this share's interval are booked, and its readings."""
        return f"{session}+{self.interval}" if self.interval else session

    def counted(self, readings: Readings) -> Readings:
        """Return readings under the sessions of this share's interval."""
        return tuple(replace(reading, session=self.counted_as(reading.session)) for reading in readings)

    def _sent_by_all(self, replica: int, sent: int | None) -> int | None:
        return None if self.requests_lost or sent is None else sent + self.requests_of_shards[replica]

    def recall_of(self, query_id: str, passages: Mapping[str, str]) -> float | None:
        """Return the evidence recall of a query's passages; None where it has no gold spans."""
        query = next(query for query in self.inputs.query_set.queries if query.query_id == query_id)
        return evidence_recall(query.evidence, passages) if query.evidence and not query.expected_abstain else None


def adaptive_limit(bench: Bench) -> AdaptiveLimit:
    """Return the limit on calls in flight for `concurrency: auto`: where it starts and how far it may rise."""
    replicas = len(bench.inputs.connection.replicas)
    return AdaptiveLimit(limit=AUTO_FIRST, most=IN_FLIGHT_MAX * replicas, replicas=replicas)


def arm_setting(bench: Bench, arm_name: str, replicas: ReplicaClients) -> ArmSetting:
    """Return what all queries of an arm share, whose calls the clients of `replicas` make."""
    arm, inputs = suite_arm(bench.inputs.suite, arm_name), bench.inputs
    engines = [
        EngineBinding(
            client=client,
            model=inputs.connection.model,
            session=None,
            cached_unsaid=inputs.connection.dialect.cached_unsaid,
            replica=number,
            gone=client.engine_gone,
        )
        for number, client in enumerate(replicas.clients)
    ]
    return ArmSetting(
        run_id=bench.run_id(arm_name),
        arm=arm,
        graph=arm.build(),
        suite=inputs.suite,
        engine=engines[0],
        replicas=tuple(Replica(engine=engine) for engine in engines if len(engines) > 1),
        window=inputs.connection.max_model_len,
        counts=bench.counts,
        context_window=context_window(inputs, arm_name, bench.counts),
        recall_of=bench.recall_of,
        index=bench.index,
        journal=bench.journal,
        clock=bench.clock,
    )
