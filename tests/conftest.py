"""What every test may ask for, and what keeps all quick; no heavy imports, as the main process of xdist needs none."""

import functools
import gc
import itertools
import os
import shutil
import ssl
import sys
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

from docmind_core.settings import Settings, turn_telemetry_off

turn_telemetry_off()  # as each entry point does: no test may send a prompt to a tracing service

# A slow moment of a busy machine is not a counterexample. Set before the tests are imported: `given` reads it then.
hypothesis.settings.register_profile("docmind", deadline=None)
hypothesis.settings.load_profile("docmind")

PROJECT = Path(__file__).resolve().parents[1]
LONGEST_FOLDERS = ("faults", "security", "orchestration", "runs", "serving")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what waits for the real daemon, then the folders whose tests start processes and whole runs.

    So no worker is left with one of them at the end. The order within them, and of all others, stays random.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("daemon") is None,
            item.path.relative_to(PROJECT / "tests").parts[0] not in LONGEST_FOLDERS,
        )
    )


def pytest_collection_finish():
    """Leave what was imported out of every later look for garbage; statsmodels asks for one in each correction."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick():
    """Leave out what costs time and few tests look at; yields the function that writes comments, for those that do.

    DuckDB gets one thread, as the tables of tests are small; nothing waits for the disk; no comments are written,
    which take half the time of publishing; certificates, which loopback does not need, are read once instead of once
    per client; counters and a starting engine are polled at short intervals; and a run publishes once, when it ends.
    """
    from docmind_core.runs import arm_share, benchmark
    from docmind_core.serving import managed
    from docmind_core.serving.counters import read_settled_counters
    from docmind_core.tables import connecting, publish

    soon = functools.partial(read_settled_counters, pause_s=0.002)
    describe = publish.describe
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(connecting._CONFIG, "threads", 1)
        patched.setattr(os, "fsync", lambda file: None)
        patched.setattr(publish, "describe", lambda connection: None)
        patched.setattr(benchmark, "publish_while_cheap", lambda settings: None)
        patched.setattr(arm_share, "read_settled_counters", soon)
        patched.setattr(managed, "_POLL_S", 0.02)
        patched.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield describe


@pytest.fixture(scope="session", autouse=True)
def _first_database_copied(_quick, tmp_path_factory):
    """Publish the empty tables of a new home once and copy them into the others: it is the same file each time."""
    from docmind_core.runs import frozen_suite
    from docmind_core.tables.publish import publish_first

    model = Settings(home=tmp_path_factory.mktemp("empty"))

    def publish_or_copy(settings):
        is_new = not any(
            path.exists() for path in (settings.tables, settings.alerts_database, settings.metrics_database)
        )
        publish_first(model if is_new else settings)
        if is_new:
            with suppress(OSError):
                shutil.copyfile(model.metrics_database, settings.metrics_database)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(frozen_suite, "publish_first", publish_or_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _keys_in_order():
    """Let keys of one second sort as they were made: tests start runs faster than the clock in a key ticks."""
    from docmind_core.runs import keys

    numbers = itertools.count()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keys, "_suffix", lambda: f"{next(numbers):04x}")
        yield


@pytest.fixture(autouse=True)
def _no_instance_of_an_earlier_test():
    """Forget where Dagster kept its state: instances that don't close in turn leave it pointing to one that is gone."""
    if base := sys.modules.get("dagster._core.storage.defs_state.base"):
        base._current_storage.set(None)


@pytest.fixture
def deadlines(monkeypatch):
    """Deadlines below a minute pass when a stand-in keeps its caller waiting, not when so much time has passed."""
    from docmind_core.telemetry.loop_lag import Deadline
    from tests.fakes.deadlines import Deadlines
    from tests.fakes.engine_server import FakeEngine

    deadlines = Deadlines()

    async def enter(deadline):
        return await deadlines.enter(deadline)

    monkeypatch.setattr(Deadline, "__aenter__", enter)
    monkeypatch.setattr(FakeEngine, "when_waiting", staticmethod(deadlines.pass_now))
    return deadlines


@pytest.fixture
def home(tmp_path) -> Settings:
    """Settings of an empty home of this test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory) -> Path:
    """Dagster's folder with its databases made: making them costs seconds, copying them nothing."""
    from dagster_project.instance import open_instance

    settings = Settings(home=tmp_path_factory.mktemp("dagster"))
    with open_instance(settings) as instance:
        instance.get_runs()
        instance.get_dynamic_partitions("benchmark_run")
    return settings.dagster_home


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real query sets, read in place: DOCMIND_TEST_DATA, by default ../shared/data."""
    named = os.environ.get("DOCMIND_TEST_DATA")  # noqa: TID251 - a test's own switch, not a setting of the product
    folder = Path(named) if named else PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no query sets at {folder}; set DOCMIND_TEST_DATA to a folder in the layout of the README")
    return folder
