"""Dagster's real daemon runs a suite by its schedule, and what it finds arrives (S59)."""

import pytest

from dagster_project.instance import open_instance
from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.notices import undelivered
from tests.alerts.webhook import Webhook
from tests.documents import write_minutely_suite
from tests.end_to_end.command_line import docmind
from tests.end_to_end.daemon import Daemon
from tests.fakes.engine_server import FakeEngine

WRONG, RIGHT = "red", "blue"


@pytest.fixture
def engine():
    with FakeEngine(reply=lambda body: WRONG) as server:
        yield server


@pytest.fixture
def webhook():
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture
def daemon(home, webhook):
    home.home.mkdir()
    daemon = Daemon(home, DOCMIND_CHANNEL_OPS=webhook.url)
    yield daemon
    daemon.close()


@pytest.mark.daemon
def test_a_breach_and_its_end_arrive_once_each_though_the_daemon_dies_before_delivery(home, engine, webhook, daemon):
    documents = [{"doc_id": "sky", "text": "The colour of the sky is blue."}]
    query = {"query_id": "q1", "query": "What is the colour of the sky?", "answers": [RIGHT], "gold_doc_ids": ["sky"]}
    suite = write_minutely_suite(home.home, engine.url, documents=documents, queries=[query])
    daemon.start_schedule("suite_minutely")
    daemon.start()
    daemon.wait_until("the first tick finds the breach", lambda: due(home))
    daemon.kill()
    assert webhook.posted == []

    engine.reply = lambda body: RIGHT
    daemon.start()
    docmind(home, "bench", str(suite))  # the alert ends with the second good benchmark, however it was started
    daemon.wait_until("the breach is delivered", lambda: webhook.posted)
    daemon.wait_until("a later tick finds its end, and it is delivered", lambda: len(webhook.posted) > 1)
    daemon.wait_until("both deliveries are recorded", lambda: not undelivered(home))

    (first, _), (last, _) = due(home)
    assert [post["title"] for post in webhook.posted] == [
        f"DocMind Eval: 1 firing in {first}",
        f"DocMind Eval: 1 resolved in {last}",
    ]
    assert len(scheduled_runs(home)) >= 2
    assert deliveries(home) == [(first, 1, "delivered"), (last, 1, "delivered")]


def scheduled_runs(home):
    with open_instance(home) as instance:
        return [run for run in instance.get_runs() if run.tags.get("dagster/schedule_name") == "suite_minutely"]


def due(home):
    return rows(home, "select benchmark_run, seq from due_notifications order by rowid")


def deliveries(home):
    return rows(home, "select benchmark_run, attempt, status from alert_deliveries order by rowid")


def rows(home, sql):
    if not home.alerts_database.exists():
        return []
    with open_alerts_database(home) as connection:
        return [tuple(row) for row in connection.execute(sql).fetchall()]
