"""An engine, or a gateway before it, that sends the key back."""

from collections import deque

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine, Raw

KEY = "sk-planted-7c1e5f0b9a"


def test_a_key_that_comes_back_in_a_reply_or_an_error_event_is_not_kept(tmp_path, monkeypatch):
    """As from a gateway that shows the request it could not pass on."""
    monkeypatch.setenv("TOY_KEY", KEY)
    settings = Settings(home=tmp_path / "home")
    faults = deque(
        [
            Raw(f'data: {{"error": {{"message": "Authorization: Bearer {KEY}", "code": 400}}}}\n\n'),
            Raw(f"<html>Authorization: Bearer {KEY}</html>\n\n"),
        ]
    )
    with FakeEngine(api_key=KEY, faults=faults, reply=lambda body: f"Bearer {KEY} [1]") as engine:
        suite = Suite(
            name="toy",
            query_set=str(write_query_set(tmp_path / "set", queries=[query(number) for number in range(3)])),
            engine=engine.url,
            api_key_env="TOY_KEY",
            arms=["single_pass"],
            concurrency=1,
            warmup=0,
        )
        execute_benchmark_run(
            settings, freeze_benchmark_run(suite, settings), dagster_run_id=None, observer=SilentObserver()
        )

    _, rows = query_rows(settings, "select coalesce(answer, error_message) from query_runs order by 1")
    assert [text.count("[key]") for (text,) in rows] == [1, 1, 1]
    assert [path for path in settings.home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


def query(number):
    return {"query_id": f"q{number}", "query": f"What is capital {number} of France?", "answers": ["Paris"]}
