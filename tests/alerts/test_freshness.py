"""What a schedule made due and nobody saw."""

from datetime import timedelta

from docmind_core.alerts.freshness import Expected, book_overdue
from docmind_core.alerts.listing import open_alerts
from docmind_core.alerts.notices import undelivered
from docmind_core.runs.keys import started_at
from tests.alerts.builders import START, judge_and_evaluate, key_of, make_suite, plant_night, waiting_messages

NIGHTLY = make_suite(schedule="0 2 * * *")
TWENTY_MINUTES = timedelta(minutes=20)


def plant(home, night, *, took=None):
    """Freeze the suite of one night, and evaluate its benchmark after `took`; without it, leave it unfinished."""
    key = key_of(night)
    folder = home.benchmarks / key
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(NIGHTLY.model_dump_json())
    if took is not None:
        plant_night(home, night, 1.0)
        judge_and_evaluate(home, key, NIGHTLY, now=started_at(key) + took)
    return key


def look(home, night, after, *, nights=3, stopped=()):
    """Look for what is overdue some time after the tick of a night; return the rules that fire."""
    due = START + timedelta(days=night)
    ticks = [due - timedelta(days=back) for back in range(nights)]
    expected = Expected(
        suite=NIGHTLY, ticks=ticks, since=START, due_every=timedelta(days=1), stopped=frozenset(stopped)
    )
    outcomes = book_overdue(home, expected, due + after)
    return [rule for outcome in outcomes for rule in (*outcome.firing, *outcome.repeated)]


def open_rules(home):
    return [(row["rule_id"], row["notify_count"]) for row in open_alerts(home)]


def test_a_benchmark_that_never_began_is_missing_once_and_filed_under_the_newest_one(home):
    newest = plant(home, 0, took=TWENTY_MINUTES)
    assert look(home, 1, timedelta(minutes=9)) == []
    assert look(home, 1, timedelta(minutes=11)) == ["benchmark_missing"]
    assert look(home, 1, timedelta(minutes=12)) == []
    now = START + timedelta(days=1, minutes=12)
    assert [notice.key for notice in undelivered(home, now=now)] == [f"{newest}:1"]
    message = waiting_messages(home, newest, 1)[0].message
    assert "due at 2026-11-23 02:00 UTC, but no benchmark has started since" in message.text
    assert f"{newest}/index.html" in message.text


def test_the_first_benchmark_ever_is_missed_under_the_name_of_its_suite(home):
    assert look(home, 0, timedelta(hours=1)) == ["benchmark_missing"]
    assert len(waiting_messages(home, "toy", 1)) == 1


def test_the_fourth_missing_night_reminds_and_two_benchmarks_end_it(home):
    said = [look(home, night, timedelta(hours=1)) for night in range(4)]
    assert said == [["benchmark_missing"], [], [], ["benchmark_missing"]]
    assert open_rules(home) == [("benchmark_missing", 2)]
    for night in (4, 5):
        plant(home, night, took=TWENTY_MINUTES)
        assert look(home, night, timedelta(hours=1)) == []
    assert open_rules(home) == []


def test_a_benchmark_without_an_end_has_failed_after_twice_the_usual_time(home):
    for night in (0, 1, 2):
        plant(home, night, took=TWENTY_MINUTES)
    hanging = plant(home, 3)
    assert look(home, 3, timedelta(minutes=39)) == []
    assert look(home, 3, timedelta(minutes=41)) == ["run_failed"]
    assert look(home, 3, timedelta(minutes=42)) == []
    assert (
        "not finished after 41 min; the suite usually takes 20 min"
        in waiting_messages(home, hanging, 1)[0].message.text
    )


def test_a_benchmark_that_a_person_stopped_is_neither_overdue_nor_stale(home):
    for night in (0, 1, 2):
        plant(home, night, took=TWENTY_MINUTES)
    stopped = plant(home, 3)
    assert look(home, 3, timedelta(hours=5), stopped=[stopped]) == []
    also = plant(home, 4)
    assert look(home, 4, timedelta(hours=5), nights=2, stopped=[stopped, also]) == []
    assert look(home, 5, timedelta(hours=5), stopped=[stopped, also]) == ["benchmark_missing"]


def test_a_benchmark_that_is_evaluated_is_not_overdue(home):
    for night in (0, 1):
        plant(home, night, took=TWENTY_MINUTES)
    assert look(home, 1, timedelta(hours=20)) == []


def test_without_a_usual_time_nothing_is_said_to_be_without_an_end(home):
    plant(home, 0)
    assert look(home, 0, timedelta(hours=20), nights=1) == []


def test_benchmarks_that_begin_and_are_never_evaluated_make_the_alerting_stale(home):
    plant(home, 0)
    plant(home, 1)
    assert look(home, 1, timedelta(hours=1), nights=2) == ["alerting_stale"]
    plant(home, 2, took=TWENTY_MINUTES)
    plant(home, 3, took=TWENTY_MINUTES)
    assert open_rules(home) == []


def test_a_schedule_with_no_due_time_yet_misses_nothing(home):
    assert look(home, 0, timedelta(hours=1), nights=0) == []
