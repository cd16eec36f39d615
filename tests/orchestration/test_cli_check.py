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
    assert f"{path}: schedule: no times fit this cron expression" in capsys.readouterr().err


def test_a_schedule_that_dagster_can_run_by_is_in_order(tmp_path, capsys):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE + 'schedule: "0 2 * * MON-FRI"\ntimezone: Europe/Berlin\n')

    assert run(["check", str(path)]) == 0
    assert "no problem found" in capsys.readouterr().out
