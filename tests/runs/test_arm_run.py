"""What an observer hears while an arm runs."""

from docmind_core.runs import arm_run
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver


class Listener(SilentObserver):
    def __init__(self):
        self.heard = []
        self.finished = []

    def still_running(self, progress):
        self.heard.append(progress)

    def arm_finished(self, progress):
        self.finished.append(progress)


def test_calls_are_reported_before_their_queries_have_ended(home, make_suite, engine, monkeypatch):
    """One query of many calls: an observer that waits for its end sees nothing until then."""
    monkeypatch.setattr(arm_run, "SECONDS_BETWEEN_LOOKS", 0.0)
    listener = Listener()
    key = freeze_benchmark_run(make_suite(arms=["naive_supervisor"], limit=1), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=listener)

    in_progress = [progress for progress in listener.heard if progress.done == 0]
    assert {progress.calls for progress in in_progress} >= {1, 2, 3}
    assert in_progress[-1].tokens_per_s > 0
    (ended,) = listener.finished
    assert ended.calls == len(engine.requests)
    assert ended.completion_tokens == engine.counters["generation_tokens"]
