"""The rules against the pinned baseline: `quality_worse` and `tokens_worse`."""

import json
import re
from datetime import timedelta

import numpy as np
import pytest

from dagster_project.cli.main import run as docmind
from docmind_core.alerts.database import open_alerts_database
from docmind_core.runs.run_names import pin_baselines, unpin_baselines
from tests.alerts.builders import START, judge_and_evaluate, key_of, make_suite
from tests.builders import make_counter_rows, make_query_run_row, make_run_row, make_score_row, write_rows

QUERIES = 120
SUITE = make_suite(limits={}, alerts={})


def plant(home, night, *, tokens=1.0, lost=0, **facts):
    """Write a night whose queries cost `tokens` times the usual, and of which `lost` fail that passed before."""
    run_id = f"{key_of(night)}.single_pass"
    noise = np.random.default_rng(night).normal(0.0, 0.15, QUERIES)
    ids = [f"q{place:03}" for place in range(QUERIES)]
    billed = [round(1000 * tokens * float(np.exp(one))) for one in noise]
    run = make_run_row(
        run_id, **{"suite": "toy", "series_key": "s", "started_at": START + timedelta(days=night), **facts}
    )
    rows = {
        "runs": [run],
        "query_runs": [
            make_query_run_row(query, run_id, billed_tokens=cost) for query, cost in zip(ids, billed, strict=True)
        ],
        "measurements": [
            make_score_row("passed", float(lost <= place < 90), query, run_id) for place, query in enumerate(ids)
        ],
        "engine_counters": make_counter_rows({"request_success": 0}, run_id),
    }
    write_rows(home, rows, run_id)
    return run_id


def evaluate(home, night, suite=SUITE):
    done = judge_and_evaluate(home, key_of(night), suite, now=START + timedelta(days=night))
    return set(done.firing), set(done.resolved)


def evaluation(home, night, rule):
    with open_alerts_database(home) as connection:
        return dict(
            connection.execute(
                "select * from alert_evaluations where benchmark_run = ? and rule_id = ?", (key_of(night), rule)
            ).fetchone()
            or {}
        )


def message_of(home, night):
    with open_alerts_database(home) as connection:
        asked = "select body from due_notifications where benchmark_run = ?"
        return str(connection.execute(asked, (key_of(night),)).fetchone()["body"])


@pytest.fixture
def quiet(home):
    """A pinned baseline and five quiet nights after it: those before night 6."""
    pin_baselines(home, plant(home, 0, git_sha="aaaa"), "first good run")
    for night in range(1, 6):
        plant(home, night, git_sha="aaaa")
    return home


def plant_aa(home, night, **floor):
    """Write a night in which the arm ran twice, and what chance moved."""
    first = plant(home, night)
    again = f"{first}.again"
    row = {"first_run_id": first, "metric": "passed", "has_clock": False, "difference": 0.0, **floor}
    write_rows(home, {"runs": [make_run_row(again, suite="toy")], "noise_floor": [row]}, again)


def test_a_night_of_ten_percent_more_tokens_fires_at_once_and_says_what_changed(quiet):
    commit, prompts = "b" * 40, {f"prompt_{number}": f"{number}" * 16 for number in range(20)}
    plant(quiet, 6, tokens=1.1, git_sha=commit, manifest=json.dumps({"prompts": prompts}))
    assert evaluate(quiet, 6) == ({"tokens_worse"}, set())

    found = evaluation(quiet, 6, "tokens_worse")
    assert found["outcome"] == "bad"
    assert 0.05 < found["value"] < 0.15
    for said in (
        f"first bad run {key_of(6)}.single_pass",
        "git_sha aaaa → bbbbbbbbbbbb…",
        "more characters]; worst queries: q",
        f"docmind compare {key_of(6)}.single_pass baseline",
    ):
        assert said in found["reason"]
        assert said in message_of(quiet, 6)


def test_fewer_passes_fire_and_a_revert_resolves_them_with_evidence(quiet):
    plant(quiet, 6, lost=25, git_sha="bbbb")
    assert evaluate(quiet, 6) == ({"quality_worse"}, set())
    plant(quiet, 7, lost=25, git_sha="bbbb")
    assert evaluate(quiet, 7) == (set(), set())
    plant(quiet, 8, git_sha="cccc")
    assert evaluate(quiet, 8) == (set(), {"quality_worse"})
    assert re.search(
        r"RESOLVED \[critical\] quality_worse .*; [+-]0\.0 points passed \(.* to .*\) compared with the baseline, "
        rf"n 120, evidence [\d.e+]+ \(20 needed\); baseline {key_of(0)}\.single_pass; good in run {key_of(8)}; "
        rf"had been open since .*, run {key_of(6)}",
        message_of(quiet, 8),
    )
    plant(quiet, 9, git_sha="cccc")
    assert evaluate(quiet, 9) == (set(), set())


def test_another_baseline_resolves_what_fires(quiet):
    run_id = plant(quiet, 6, lost=25)
    assert evaluate(quiet, 6) == ({"quality_worse"}, set())
    pin_baselines(quiet, run_id, "accepted")
    plant(quiet, 7, lost=25)
    assert evaluate(quiet, 7) == (set(), {"quality_worse"})


def test_without_its_baseline_an_alert_expires(quiet):
    plant(quiet, 6, lost=25)
    evaluate(quiet, 6)
    unpin_baselines(quiet, "toy")
    plant(quiet, 7, lost=25)
    evaluate(quiet, 7)
    with open_alerts_database(quiet) as connection:
        assert not connection.execute("select * from open_alerts where rule_id = 'quality_worse'").fetchall()


def test_a_run_under_other_conditions_has_no_data_and_names_them(quiet):
    plant(quiet, 6, lost=90, series_key="other", conditions='{"limit": 40}')
    assert evaluate(quiet, 6) == (set(), set())
    found = evaluation(quiet, 6, "quality_worse")
    assert found["outcome"] == "nodata"
    assert "not comparable with the baseline: limit unknown → 40" in found["reason"]


def test_a_failed_run_suppresses_both(quiet):
    plant(quiet, 6, lost=90, tokens=3.0, status="incomplete")
    assert evaluate(quiet, 6)[0] == {"run_failed"}
    assert evaluation(quiet, 6, "quality_worse")["inhibited_by"] == "run_failed"


def test_a_metric_not_known_to_be_quiet_is_listed_and_raises_no_alert_until_an_aa_has_shown_it(
    home, monkeypatch, capsys
):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    pin_baselines(home, plant(home, 0), "first good run")
    plant(home, 1, lost=25)
    assert evaluate(home, 1) == (set(), set())
    found = evaluation(home, 1, "quality_worse")
    assert (found["outcome"], found["reason"].partition("; to start alerting")[0]) == (
        "nodata",
        "learning: 0 of 5 quiet runs since the baseline; it looks worse, but no alert is raised yet",
    )
    assert docmind(["alerts", "list"]) == 0
    assert "Learning" in capsys.readouterr().out

    plant_aa(home, 2, floor_low=-0.05, floor_high=0.05)
    plant(home, 3, lost=25)
    assert evaluate(home, 3) == ({"quality_worse"}, set())


@pytest.mark.parametrize("floor", [{"floor_low": None, "floor_high": None}, {"floor_low": 0.01, "floor_high": 0.02}])
def test_an_aa_that_says_nothing_or_was_not_quiet_admits_nothing(home, floor):
    pin_baselines(home, plant(home, 0), "first good run")
    plant_aa(home, 1, **floor)
    plant(home, 2, lost=25)
    assert evaluate(home, 2) == (set(), set())


def test_without_a_baseline_the_rules_are_silent(home):
    plant(home, 0)
    plant(home, 1, lost=90)
    evaluate(home, 1)
    assert evaluation(home, 1, "quality_worse") == {}
