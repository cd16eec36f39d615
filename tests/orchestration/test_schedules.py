"""Schedules made from suites."""

import dagster as dg
import pytest

from dagster_project import schedules
from dagster_project.instance import open_instance
from dagster_project.jobs import ASSETS, benchmark_job
from dagster_project.progress import ObserverFactory
from dagster_project.resources import StoreResource
from dagster_project.schedules import suite_schedules

KEY = "20261122T020000Z-mine-7f3a"
SUITE = """
name: mine
query_set: python-reference
arms: [single_pass]
schedule: "*/5 * * * *"
timezone: Europe/Berlin
"""


@pytest.fixture
def suites_folder(settings):
    folder = settings.home / "suites"
    folder.mkdir(parents=True)
    return folder


def names(settings):
    return [schedule.name for schedule in suite_schedules(settings)]


def test_the_bundled_nightly_suite_has_a_schedule_that_is_stopped(settings):
    """S11: regular benchmarks."""
    [nightly] = suite_schedules(settings)
    assert (nightly.name, nightly.cron_schedule) == ("suite_nightly", "0 2 * * *")
    assert nightly.default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_schedule_says_where_its_suite_is(settings, suites_folder):
    (suites_folder / "mine.yaml").write_text(SUITE)
    assert {schedule.name: schedule.description for schedule in suite_schedules(settings)} == {
        "suite_nightly": "Runs the suite nightly (a bundled suite).",
        "suite_mine": "Runs the suite mine (suites/mine.yaml in this home).",
    }


def test_a_suite_of_the_home_with_a_schedule_gets_one(settings, suites_folder):
    (suites_folder / "mine.yaml").write_text(SUITE)
    (suites_folder / "unscheduled.yaml").write_text(
        SUITE.replace("mine", "other").replace('schedule: "*/5 * * * *"', "")
    )
    mine = suite_schedules(settings)[-1]
    assert (mine.name, mine.execution_timezone) == ("suite_mine", "Europe/Berlin")
    assert names(settings) == ["suite_nightly", "suite_mine"]


@pytest.mark.parametrize(
    "broken",
    [
        "name: [",
        "\x00\x01",
        SUITE + "colour: red\n",
        SUITE.replace("*/5 * * * *", "99 99 99 99 99"),
        SUITE.replace("Europe/Berlin", "Nowhere/Land"),
        SUITE.replace("name: mine", "name: nightly"),
        SUITE + "engine: http://host/?key=sk-1\n",
        SUITE + "engine: HTTP://sk-1@host\n",
        SUITE + "channels: ['slack://sk-1/x']\n",
    ],
)
def test_a_suite_that_cant_be_scheduled_leaves_the_others_alone(settings, suites_folder, caplog, broken):
    (suites_folder / "a-broken.yaml").write_text(broken)
    (suites_folder / "b-good.yaml").write_text(SUITE.replace("name: mine", "name: good"))
    assert names(settings) == ["suite_nightly", "suite_good"]
    assert "is not scheduled" in caplog.text
    assert "sk-1" not in caplog.text


def test_a_tick_freezes_the_suite_and_asks_for_one_run_of_its_key(settings, suites_folder, monkeypatch):
    path = suites_folder / "mine.yaml"
    path.write_text(SUITE)
    mine = suite_schedules(settings)[-1]
    frozen = []

    def freeze(suite, given, *, named):
        frozen.append((suite, given, named))
        return KEY

    monkeypatch.setattr(schedules, "freeze_benchmark_run", freeze)
    path.write_text(SUITE + "limit: 3\n")

    resources = {"store": StoreResource(), "observers": ObserverFactory()}
    defs = dg.Definitions(ASSETS, schedules=[mine], jobs=[benchmark_job], resources=resources)
    with open_instance(settings) as instance:
        context = dg.build_schedule_context(
            instance=instance, repository_def=defs.get_repository_def(), resources={"store": StoreResource()}
        )
        [request] = mine.evaluate_tick(context).run_requests
        assert (request.run_key, request.partition_key) == (KEY, KEY)
        assert instance.get_dynamic_partitions("benchmark_run") == [KEY]

    [(suite, given, named)] = frozen
    assert (suite.limit, given.home) == (3, settings.home), "a tick reads the file as it is then"
    assert named == str(path)
