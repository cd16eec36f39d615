"""Silences: the alert lives on, the message waits (alerts.md §7)."""

from datetime import timedelta

from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.listing import open_alerts
from docmind_core.alerts.notices import undelivered
from docmind_core.alerts.silences import add_silence, announce_ended_silences, list_silences, revoke_silence
from tests.alerts.builders import START, evaluate_night, key_of, make_suite, waiting_messages

HOUR = timedelta(hours=1)
OVERHEAD_RULE = "coordination_overhead_high"


def silence(home, hours, **matcher):
    return add_silence(
        home, matcher or {"rule_id": OVERHEAD_RULE}, until=START + hours * HOUR, author="ann", reason="x", now=START
    )


def fire(home):
    """Two bad nights, an hour apart."""
    return [evaluate_night(home, night, 9.0) for night in (0, 1)]


def test_a_silenced_alert_fires_and_no_one_is_notified(home):
    silence(home, 8, rule_id="coordination_*", suite="toy")
    assert [done.firing for done in fire(home)] == [(), (OVERHEAD_RULE,)]
    assert [row["state"] for row in open_alerts(home)] == ["firing"]
    assert undelivered(home) == ()


def test_a_silence_for_something_else_silences_nothing(home):
    silence(home, 8, rule_id=OVERHEAD_RULE, suite="another")
    silence(home, 8, rule_id=OVERHEAD_RULE, agent="*")
    fire(home)
    assert [notice.benchmark_run for notice in undelivered(home)] == [key_of(1)]


def test_what_still_fires_when_its_silence_ends_is_reported_once(home):
    silence(home, 8)
    fire(home)
    assert announce_ended_silences(home, now=START + 7 * HOUR) == 0
    assert announce_ended_silences(home, now=START + 9 * HOUR) == 1
    assert announce_ended_silences(home, now=START + 10 * HOUR) == 0
    [message] = waiting_messages(home, key_of(1), 1)
    assert message.channel == "ops"
    assert "STILL FIRING [warning] coordination_overhead_high" in message.message.text
    assert "silence 1 by ann ended" in message.message.text


def test_what_has_ended_by_then_is_not_reported(home):
    silence(home, 8)
    fire(home)
    for night in (2, 3):
        evaluate_night(home, night, 0.1)
    assert announce_ended_silences(home, now=START + 9 * HOUR) == 0
    assert undelivered(home) == ()


def test_a_second_silence_takes_over(home):
    silence(home, 8)
    silence(home, 20)
    fire(home)
    assert announce_ended_silences(home, now=START + 9 * HOUR) == 0
    assert announce_ended_silences(home, now=START + 21 * HOUR) == 1


def test_a_revoked_silence_ends_at_once(home):
    number = silence(home, 8)
    fire(home)
    revoke_silence(home, number, now=START + 2 * HOUR)
    assert list_silences(home, now=START + 2 * HOUR) == ()
    assert announce_ended_silences(home, now=START + 2 * HOUR) == 1


def test_the_rules_of_a_run_are_kept_with_a_hash_that_changes_with_them(home):
    evaluate_night(home, 0, 1.0)
    evaluate_night(home, 1, 1.0)
    evaluate_night(home, 2, 1.0, make_suite(limits={"coordination_overhead_p95_s": 3.0}))
    with open_alerts_database(home) as connection:
        hashes = connection.execute(
            "select rule_hash from alert_rules where rule_id = ? order by rowid", (OVERHEAD_RULE,)
        )
        first, second, third = (row["rule_hash"] for row in hashes)
    assert first == second != third


def test_a_url_in_the_place_of_a_channels_name_is_stored_nowhere_and_the_other_channel_is_notified(home, caplog):
    suite = make_suite().model_copy(update={"channels": ("slack://token-a/token-b", "ops")})
    for night in (0, 1):
        evaluate_night(home, night, 9.0, suite)
    assert [waiting.channel for waiting in waiting_messages(home, key_of(1), 1)] == ["ops"]
    with open_alerts_database(home) as connection:
        assert "token-a" not in "".join(connection.iterdump()) + caplog.text
    assert "1 channels of a suite have invalid names" in caplog.text
