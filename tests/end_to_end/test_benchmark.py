"""The whole way, from the command line to the tables, on the real engine."""

import threading
from dataclasses import dataclass, field

import pytest

from docmind_core.agents.context import AGENTS, SUPERVISOR
from docmind_core.serving.bundled_model import prepare_bundled_model
from docmind_core.serving.engine_state import read_state
from docmind_core.settings import Settings
from docmind_core.tables.segments import read_segment
from tests.end_to_end.command_line import KEYWORD_ONLY, docmind, select

ARMS = ("single_pass", "naive_supervisor", "tuned")


@pytest.fixture
def bench_home(engine_home, tmp_path) -> Settings:
    """A new home with the prepared model in it."""
    model = prepare_bundled_model(engine_home, print)
    home = Settings(home=tmp_path / "home")
    home.home.mkdir()
    home.models.symlink_to(model.folder.parent)
    return home


@dataclass
class Poller:
    """Reads the published database over and over, as a dashboard would."""

    home: Settings
    reads: int = 0
    failures: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def poll(self) -> None:
        while not self.done.wait(0.5):
            if not self.home.metrics_database.exists():
                continue
            try:
                select(self.home, "select count(*) from llm_calls")
                self.reads += 1
            except Exception as error:  # noqa: BLE001 - any failure is what the test looks for
                self.failures.append(str(error))


@pytest.mark.engine
def test_a_benchmark_on_the_managed_engine_balances_to_the_token_and_leaves_nothing_running(bench_home):
    poller = Poller(bench_home)
    thread = threading.Thread(target=poller.poll)
    thread.start()
    try:
        printed = docmind(bench_home, "bench", "smoke", "--limit", "2", "--arms", ",".join(ARMS), *KEYWORD_ONLY)
    finally:
        poller.done.set()
        thread.join()

    assert select(bench_home, "select distinct state from ledger_balance") == [("balanced",)]
    for run_id, prompt, completion in select(
        bench_home, "select run_id, sum(prompt_tokens), sum(completion_tokens) from llm_calls group by 1"
    ):
        assert (prompt, completion) == engine_growth(bench_home, run_id)
    assert select(
        bench_home,
        "select arm, list(query_id order by query_id) as asked from query_runs join runs using (run_id) "
        "group by arm, run_id order by arm",
    ) == [(arm, asked_queries(bench_home)) for arm in sorted(ARMS)]
    callers = select(bench_home, "select distinct agent from llm_calls where run_id like '%.naive_supervisor'")
    assert {agent for (agent,) in callers} == {SUPERVISOR, *AGENTS}
    assert poller.reads > 0
    assert poller.failures == []
    (report,) = bench_home.reports.glob("*/index.html")
    assert str(report) in printed or report.parent.name in printed
    assert read_state(bench_home.home) is None


def engine_growth(home: Settings, run_id: str) -> tuple[float, float]:
    """What the engine's own counters grew by, from the segments and not from the view."""
    rows = read_segment(home.tables, "engine_counters", run_id)
    values = {(row["counter"], row["moment"]): row["value"] for row in rows}
    return tuple(
        values[counter, "after"] - values[counter, "before"] for counter in ("prompt_tokens", "generation_tokens")
    )


def asked_queries(home: Settings) -> list[str]:
    return [query_id for (query_id,) in select(home, "select distinct query_id from query_runs order by 1")]
