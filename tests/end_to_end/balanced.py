"""What a benchmark on the real engine must have left, no matter who started that engine."""

from docmind_core.agents.context import AGENTS, SUPERVISOR
from docmind_core.settings import Settings
from docmind_core.tables.segments import read_segment
from tests.end_to_end.command_line import select


def two_queries(*arms: str) -> tuple[str, ...]:
    """Options of `docmind bench`."""
    return ("--limit", "2", "--arms", ",".join(arms))


def assert_balanced_and_complete(home: Settings, printed: str, *arms: str) -> None:
    """Each arm asked the same two queries, the supervisor all agents, and each token is one that the engine counted."""
    assert select(home, "select state from ledger_balance") == [("balanced",)] * len(arms)
    sums = select(home, "select run_id, sum(prompt_tokens), sum(completion_tokens) from llm_calls group by 1")
    assert len(sums) == len(arms)
    for run_id, prompt, completion in sums:
        assert (prompt, completion) == engine_growth(home, run_id)
    asked = asked_queries(home)
    assert len(asked) == 2
    assert select(
        home,
        "select arm, list(query_id order by query_id) as asked from query_runs join runs using (run_id) "
        "where phase = 'measured' group by arm, run_id order by arm",
    ) == [(arm, asked) for arm in sorted(arms)]
    assert select(home, "select count(*) from query_runs where phase = 'warmup'") == [(len(arms),)]
    if "naive_supervisor" in arms:
        callers = select(home, "select distinct agent from llm_calls where run_id like '%.naive_supervisor'")
        assert {agent for (agent,) in callers} == {SUPERVISOR, *AGENTS}
    assert select(home, "select distinct status, plumbing from runs") == [("finished", True)]
    (report,) = home.reports.glob("*/index.html")
    assert str(report) in printed or report.parent.name in printed


def engine_growth(home: Settings, run_id: str) -> tuple[float, float]:
    """What the engine's own counters grew by, from the segments and not from the view."""
    rows = read_segment(home.tables, "engine_counters", run_id)
    signs = {"before": -1, "after": 1}  # of the warm-up and of each block

    def growth(counter):
        return sum(signs[row["moment"]] * row["value"] for row in rows if row["counter"] == counter)

    return growth("prompt_tokens"), growth("generation_tokens")


def asked_queries(home: Settings) -> list[str]:
    return [
        query_id
        for (query_id,) in select(home, "select distinct query_id from query_runs where phase = 'measured' order by 1")
    ]
