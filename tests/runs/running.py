"""Running a benchmark in a test, and interrupting one."""

import pytest

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.serving.chat_client import ChatClient
from docmind_core.tables.reading import query_rows


def run(settings, suite, key=None, **options):
    key = key or freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id="dagster-1", observer=SilentObserver(), **options)
    return key


def select(settings, sql):
    return query_rows(settings, sql)[1]


class Killed(BaseException):
    """Ends the platform in the middle of a query, as a signal would."""


def interrupt(home, suite, engine, monkeypatch, after=3, key=None, **options):
    """Begin a run, or go on with `key`, and end it once there were so many calls in all; return its key."""
    key = key or freeze_benchmark_run(suite, home)
    complete = ChatClient.complete

    async def complete_some(self, request, book):
        if len(engine.requests) == after:
            raise Killed
        return await complete(self, request, book)

    with monkeypatch.context() as patched:
        patched.setattr(ChatClient, "complete", complete_some)
        with pytest.raises(Killed):
            run(home, suite, key, **options)
    return key
