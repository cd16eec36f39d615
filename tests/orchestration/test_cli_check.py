"""`docmind check` on a suite with a schedule."""

import pytest

from dagster_project.cli.main import run

SUITE = "name: mine\nquery_set: python-reference\narms: [single_pass]\nengine: http://127.0.0.1:9\n"


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
