"""What a killed and resumed run lost, doubled, repeated or changed against an undisturbed one."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from benchmarks.kill_resume.killing import KilledRun
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment

# Times, made-up ids, and what a call that was cut off by a kill adds to the count of attempts.
QUERY_COLUMNS = (
    *("query_id", "replicate", "cluster_id", "query_type", "query", "status", "error_type", "fallback", "phase"),
    *("agent_sequence", "answer", "abstained", "citations", "passages", "calls", "context_utilisation_ratio"),
)
CALL_COLUMNS = (
    *("query_id", "replicate", "agent", "role", "task", "request_hash", "status", "prompt_tokens", "completion_tokens"),
    *("billed_tokens", "cached_tokens", "max_tokens", "finish_reason", "output_valid", "reply"),
)
RANK_COLUMNS = ("query_id", "replicate", "ranking", "search_query", "strategy", "rank", "chunk_id", "score", "final_k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The findings on one killed run; all but `kills`, `calls` and `in_flight` should be 0."""

    kills: int
    calls: int
    repeated: int
    lost: int
    doubled: int
    changed: int
    in_flight: int
    """Attempts that were under way at a kill: the engine saw them, nobody saw their end."""
    engine_disagrees: bool
    """The engine's own counts need more repetitions than the attempts in flight explain."""

    @property
    def nothing(self) -> bool:
        """Whether nothing was lost."""
        return not (self.repeated or self.lost or self.doubled or self.changed or self.engine_disagrees)

    @property
    def line(self) -> str:
        """The findings as one row of the printed table."""
        verdict = "nothing lost" if self.nothing else "LOSSES"
        numbers = (self.kills, self.calls, self.repeated, self.lost, self.doubled, self.changed)
        return " | ".join([*(str(number) for number in numbers), verdict])


def look(
    settings: Settings, suite: Suite, reference: str, killed: KilledRun, *, ignoring: Collection[str] = ()
) -> Losses:
    """Compare a killed run with the undisturbed run `reference`, but for some columns, and with what the engine saw."""
    attempts = _attempts(settings, suite, killed.benchmark_run)
    finished = Counter(
        (row["run_id"], row["query_id"], row["replicate"], row["agent"], row["task"], row["request_hash"])
        for row, _ in attempts
        if row["status"] == "finished"
    )
    reference_finished = _attempts(settings, suite, reference)
    in_flight = sum(row["status"] != "finished" for row, _ in attempts)
    lost = doubled = changed = 0
    for arm in suite.arms:
        before = _content(settings, run_id_of(reference, arm), ignoring)
        after = _content(settings, run_id_of(killed.benchmark_run, arm), ignoring)
        lost += sum((before - after).values()) if sum(after.values()) < sum(before.values()) else 0
        doubled += sum(count - 1 for count in _queries(settings, run_id_of(killed.benchmark_run, arm)).values())
        changed += sum(((before - after) + (after - before)).values())
    calls = sum(finished.values())
    beyond = sum(killed.requests.values()) - len(reference_finished)
    return Losses(
        kills=killed.kills,
        calls=calls,
        # A call that an agent makes twice in one query is in the undisturbed run twice, too.
        repeated=calls - len(reference_finished),
        lost=lost,
        doubled=doubled,
        changed=changed,
        in_flight=in_flight,
        engine_disagrees=not calls <= killed.completed <= calls + in_flight or beyond > in_flight,
    )


def _attempts(settings: Settings, suite: Suite, benchmark_run: str) -> list[tuple[Row, bool]]:
    with Journal(journal_path(settings, benchmark_run)) as journal:
        return [entry for arm in suite.arms for entry in journal.attempts(run_id_of(benchmark_run, arm))]


def _content(settings: Settings, run_id: str, ignoring: Collection[str]) -> Counter[tuple[object, ...]]:
    """Return the rows of three tables as a bag, by the columns that killing must not change."""
    calls = [row for row in read_segment(settings.tables, "llm_calls", run_id) if row["status"] == "finished"]
    parts = (
        ("query_runs", read_segment(settings.tables, "query_runs", run_id), QUERY_COLUMNS),
        ("llm_calls", calls, CALL_COLUMNS),
        ("retrieved", read_segment(settings.tables, "retrieved", run_id), RANK_COLUMNS),
    )
    return Counter(
        (name, *(row[column] for column in columns if column not in ignoring))
        for name, rows, columns in parts
        for row in rows
    )


def _queries(settings: Settings, run_id: str) -> Counter[tuple[object, object]]:
    rows = read_segment(settings.tables, "query_runs", run_id)
    return Counter((row["query_id"], row["replicate"]) for row in rows)
