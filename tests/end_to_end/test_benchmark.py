"""The whole way, from the command line to the tables, on the real engine."""

import threading
from dataclasses import dataclass, field

import pytest

from docmind_core.serving.bundled_model import prepare_bundled_model
from docmind_core.serving.engine_state import read_state
from docmind_core.settings import Settings
from tests.end_to_end.balanced import assert_balanced_and_complete, two_queries
from tests.end_to_end.command_line import docmind, select


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
    """As `make bench` runs it, searching by words and by meaning."""
    poller, arms = Poller(bench_home), ("single_pass", "naive_supervisor", "tuned")
    thread = threading.Thread(target=poller.poll)
    thread.start()
    try:
        printed = docmind(bench_home, "bench", "smoke", *two_queries(*arms))
    finally:
        poller.done.set()
        thread.join()

    assert_balanced_and_complete(bench_home, printed, *arms)
    assert select(bench_home, "select distinct strategy, engine_managed, prefix_cache_state from runs") == [
        ("hybrid_search", True, "reset")
    ]
    assert poller.reads > 0
    assert poller.failures == []
    assert read_state(bench_home.home) is None
