"""`docmind check` on a suite with a schedule."""

import pytest

from dagster_project.cli.main import run

SUITE = "name: mine\nquery_set: python-reference\narms: [single_pass]\nengine: http://127.0.0.1:9\n"


@pytest.mark.parametrize("command", ["check", "bench"])
def test_a_name_that_is_too_long_for_a_file_is_refused_in_one_line(capsys, command, settings):
    assert run([command, "a" * 300]) == 2
    assert capsys.readouterr().err.splitlines() == [f"docmind: {'a' * 300} can't be reached: File name too long."]


@pytest.mark.parametrize("cron", ["99 2 * * *", "0 2 * * FRIDAY", "0 0 31 2 *"])
def test_a_schedule_that_never_comes_is_a_problem_of_the_suite(tmp_path, capsys, cron):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE + f'schedule: "{cron}"\n')

    assert run(["check", str(path)]) == 1
    assert f"{path}:5: schedule: this cron expression never matches" in capsys.readouterr().err


def test_a_schedule_that_dagster_can_run_by_is_in_order_and_said_to_be_inactive_until_it_is_added(
    settings, tmp_path, capsys
):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE + 'schedule: "0 2 * * MON-FRI"\ntimezone: Europe/Berlin\n')
    note = f"the schedule of mine (0 2 * * MON-FRI) is not active. To activate it: docmind schedule add {path}\n"

    assert run(["check", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "no problems found" in shown
    assert note in shown
    run(["bench", str(path)])
    assert note in capsys.readouterr().err

    run(["schedule", "add", str(path)])
    capsys.readouterr()
    assert run(["check", str(path)]) == 0
    assert "not active" not in capsys.readouterr().out


def test_the_schedule_of_a_bundled_suite_is_started_in_the_web_ui(settings, capsys):
    assert run(["check", "nightly"]) == 0
    assert "is not active. To activate it: start it in the web UI (docmind ui)" in capsys.readouterr().out
