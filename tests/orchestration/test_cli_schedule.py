"""`docmind schedule`: which suites run by themselves."""

import json

import dagster as dg
import pytest

from dagster_project.cli.main import run
from dagster_project.schedules import suite_schedules
from dagster_project.web_lock import name_holder, only_ui, reload_running_ui
from docmind_core.errors import HomeLocked
from tests.documents import write_query_set

SUITE = 'name: mine\nquery_set: set\narms: [single_pass]\nschedule: "0 3 * * *"\ntimezone: Europe/Berlin\n'


@pytest.fixture
def suite_file(tmp_path):
    write_query_set(tmp_path / "work" / "set")
    path = tmp_path / "work" / "mine.yaml"
    path.write_text(SUITE)
    return path


def scheduled(settings):
    return {schedule.name: schedule.cron_schedule for schedule in suite_schedules(settings)}


def listed(capsys):
    capsys.readouterr()
    assert run(["schedule", "list", "--json"]) == 0
    return {row["suite"]: row for row in json.loads(capsys.readouterr().out)}


def test_an_added_suite_runs_at_its_times_wherever_its_file_is(settings, suite_file, capsys):
    assert run(["schedule", "add", str(suite_file)]) == 0
    shown = capsys.readouterr()
    assert "scheduled mine: 0 3 * * * (Europe/Berlin), next run " in shown.out
    assert "docmind ui" in shown.err
    mine = suite_schedules(settings)[-1]
    assert (mine.name, mine.default_status) == ("suite_mine", dg.DefaultScheduleStatus.RUNNING)
    assert listed(capsys)["mine"]["state"] == "running"
    assert listed(capsys)["nightly"]["state"] == "stopped"


def test_what_is_changed_in_the_file_holds_from_then_on(settings, suite_file):
    run(["schedule", "add", str(suite_file)])
    suite_file.write_text(SUITE.replace("0 3", "30 4"))
    assert scheduled(settings)["suite_mine"] == "30 4 * * *"


def test_adding_a_file_twice_changes_nothing(settings, suite_file):
    assert run(["schedule", "add", str(suite_file)]) == 0
    assert run(["schedule", "add", str(suite_file)]) == 0
    assert list(scheduled(settings)) == ["suite_nightly", "suite_mine"]


@pytest.mark.parametrize("named", ["mine", "file"])
def test_a_removed_suite_no_longer_runs_and_its_file_stays(settings, suite_file, capsys, named):
    run(["schedule", "add", str(suite_file)])
    assert run(["schedule", "remove", "mine" if named == "mine" else str(suite_file)]) == 0
    assert list(scheduled(settings)) == ["suite_nightly"]
    assert suite_file.read_text() == SUITE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SUITE.replace('schedule: "0 3 * * *"\n', ""), "has no schedule. Add a line to it"),
        (SUITE.replace("0 3", "99 99"), "this cron expression never matches"),
        (SUITE.replace("name: mine", "name: nightly"), "already scheduled (a bundled suite)"),
        (SUITE + "colour: red\n", "unknown key"),
        (SUITE.replace("query_set: set", "query_set: gone"), "gone"),
    ],
)
def test_what_can_not_run_by_itself_is_refused_in_one_line(settings, suite_file, capsys, text, said):
    suite_file.write_text(text)
    assert run(["schedule", "add", str(suite_file)]) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (settings.home / "suites").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "no-such.yaml"], "there is no suite 'no-such.yaml'"),
        (["add", "nightly"], "a bundled suite"),
        (["remove", "other"], "suite 'other' is not scheduled in this home. Scheduled: none"),
    ],
)
def test_a_wrong_name_is_one_line_that_says_what_there_is(settings, capsys, words, said):
    assert run(["schedule", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_two_suites_of_one_name_are_not_both_scheduled(settings, suite_file, capsys):
    run(["schedule", "add", str(suite_file)])
    other = suite_file.with_name("other.yaml")
    other.write_text(SUITE)
    assert run(["schedule", "add", str(other)]) == 2
    assert f"a suite mine is already scheduled ({suite_file})" in capsys.readouterr().err


def test_a_scheduled_file_that_has_gone_is_listed_with_its_problem_and_can_be_removed(settings, suite_file, capsys):
    run(["schedule", "add", str(suite_file)])
    suite_file.unlink()
    assert listed(capsys)["mine"]["state"] == "unreadable"
    assert run(["schedule", "remove", "mine"]) == 0
    assert "mine" not in listed(capsys)


def test_one_web_ui_of_a_home_runs_and_reads_the_suites_again_on_request(settings, monkeypatch):
    signals = []
    monkeypatch.setattr("os.kill", lambda pid, number: signals.append((pid, number.name)))
    assert reload_running_ui(settings) is None
    with only_ui(settings) as lock:
        name_holder(lock, "http://127.0.0.1:3000", 7)
        with pytest.raises(HomeLocked, match=r"already running: http://127.0.0.1:3000\."), only_ui(settings):
            pass
        assert reload_running_ui(settings) == "http://127.0.0.1:3000"
    assert signals == [(7, "SIGHUP")]
    assert reload_running_ui(settings) is None
