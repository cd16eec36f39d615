"""A home in which a suite runs every minute on the stand-in engine, misses a limit, and alerts a local webhook."""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from docmind_core.alerts.database import open_alerts_database
from docmind_core.settings import Settings
from tests.alerts.webhook import Webhook
from tests.documents import write_minutely_suite
from tests.fakes.engine_server import FakeEngine

START_SCHEDULE = """mutation {startSchedule(scheduleSelector: {
    repositoryName: "__repository__", repositoryLocationName: "docmind", scheduleName: "suite_minutely"
}) {__typename ... on PythonError {message}}}"""
DELIVERED_WITHIN_S = 400


@contextmanager
def automated_home() -> Iterator[dict[str, str]]:
    """Make it; yield the environment that a UI on it needs."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeEngine() as engine:
        webhook = Webhook()
        home = Path(folder) / "home"
        write_minutely_suite(home, engine.url)
        try:
            yield {"DOCMIND_HOME": str(home), "DOCMIND_CHANNEL_OPS": webhook.url}
        finally:
            webhook.close()


def wait_for_delivery(address: str, environment: Mapping[str, str]) -> None:
    """Start the schedule of the suite, and wait until the sensor has delivered what the run found."""
    reply = httpx.post(f"{address}/graphql", json={"query": START_SCHEDULE}, timeout=120, trust_env=False).json()
    if reply["data"]["startSchedule"]["__typename"] != "ScheduleStateResult":
        sys.exit(f"the schedule was not started: {reply}")
    home = Settings(home=Path(environment["DOCMIND_HOME"]))
    until = time.monotonic() + DELIVERED_WITHIN_S
    while time.monotonic() < until:
        if home.alerts_database.exists():
            with open_alerts_database(home) as database:
                if database.execute("select 1 from alert_deliveries where status = 'delivered'").fetchone():
                    return
        time.sleep(1)
    sys.exit(f"no alert was delivered within {DELIVERED_WITHIN_S} s")
