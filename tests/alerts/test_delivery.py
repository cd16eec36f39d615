"""Delivery to real local webhooks: at least once, recorded, without secrets."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.delivery import NOT_UNDERSTOOD, deliver_notice, redacted, send_test
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.messages import Message
from docmind_core.alerts.notices import ATTEMPTS_MAX, claim_messages, insert_due, undelivered
from docmind_core.errors import DeliveryError, SettingsError
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.alerts.builders import START, key_of, make_suite
from tests.alerts.webhook import SECRET, Webhook

# A plugin of Apprise that nobody asked for imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def webhook(monkeypatch):
    webhook = Webhook()
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", webhook.url)
    yield webhook
    webhook.close()


def deliveries(home):
    with open_alerts_database(home) as connection:
        rows = connection.execute("select * from alert_deliveries order by channel, attempt").fetchall()
    return [(row["channel"], row["attempt"], row["status"]) for row in rows]


def dump(home):
    with open_alerts_database(home) as connection:
        return "\n".join(connection.iterdump())


def test_a_message_arrives_at_a_webhook_once(home, webhook):
    """S59: delivered."""
    book_failure(home, key_of(0), make_suite(), "EngineStartError: no memory")
    for _ in range(2):
        deliver_notice(home, key_of(0), 1)
    assert len(webhook.posted) == 1
    assert webhook.posted[0]["title"] == f"DocMind Eval: 1 firing in {key_of(0)}"
    assert "EngineStartError: no memory" in webhook.posted[0]["message"]
    assert deliveries(home) == [("ops", 1, "delivered")]
    assert undelivered(home, now=START) == ()


def test_one_channel_down_out_of_two_is_retried_alone_and_no_secret_is_kept(home, webhook, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    down = Webhook()
    down.status = 500
    monkeypatch.setenv("DOCMIND_CHANNEL_PAGER", down.url)
    try:
        book_failure(home, key_of(0), make_suite(channels=("ops", "pager")), "x")
        outcome = deliver_notice(home, key_of(0), 1)
        assert outcome.delivered == ("ops",)
        assert outcome.failed[0].startswith("pager: ")
        assert [notice.key for notice in undelivered(home)] == [f"{key_of(0)}:1"]
        down.status = 200
        assert deliver_notice(home, key_of(0), 1).delivered == ("pager",)
    finally:
        down.close()
    assert deliveries(home) == [("ops", 1, "delivered"), ("pager", 1, "failed"), ("pager", 2, "delivered")]
    assert (len(webhook.posted), len(down.posted)) == (1, 2)
    assert SECRET not in dump(home) + caplog.text + repr(outcome)


@pytest.fixture
def second():
    webhook = Webhook()
    yield webhook
    webhook.close()


def test_of_two_urls_of_one_channel_the_one_that_took_the_message_is_not_sent_it_again(
    home, webhook, second, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    second.status = 500
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", f"{webhook.url}, {second.url}")
    book_failure(home, key_of(0), make_suite(), "x")
    outcomes = [deliver_notice(home, key_of(0), 1) for _ in range(2)]
    assert (len(webhook.posted), len(second.posted)) == (1, 2)
    assert outcomes[0].failed[0].startswith("ops: URL 2 of 2 (json://127.0.0.1/***): ")
    second.status = 200
    assert deliver_notice(home, key_of(0), 1).delivered == ("ops",)
    assert (len(webhook.posted), len(second.posted)) == (1, 3)
    assert [status for _, _, status in deliveries(home)] == ["failed", "failed", "delivered"]
    assert SECRET not in dump(home) + caplog.text + repr(outcomes)


@pytest.mark.parametrize(
    "bad", [(f"nonsense://{SECRET}", "nonsense://***"), (f"slack://{SECRET}", "slack://***"), (SECRET, "***")]
)
def test_an_unknown_url_among_several_is_named_and_the_others_are_sent_to(
    home, webhook, second, monkeypatch, caplog, bad
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", f"{bad[0]} {webhook.url};{second.url}")
    book_failure(home, key_of(0), make_suite(), "x")
    outcomes = [deliver_notice(home, key_of(0), 1) for _ in range(2)]
    assert (len(webhook.posted), len(second.posted)) == (1, 1)
    assert outcomes[0].failed == (f"ops: URL 1 of 3 ({bad[1]}): {NOT_UNDERSTOOD}",)
    with pytest.raises(DeliveryError, match="URL 1 of 3"):
        send_test(home, "ops")
    assert SECRET not in dump(home) + caplog.text + repr(outcomes)


def test_a_process_that_dies_between_two_urls_sends_only_to_the_one_that_is_left(home, monkeypatch):
    sent = []

    def send(url, message):
        if len(sent) == 1:
            raise KeyboardInterrupt
        sent.append(url)

    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", "json://a/1 json://b/2 json://a/1")
    book_failure(home, key_of(0), make_suite(), "x")
    with pytest.raises(KeyboardInterrupt):
        deliver_notice(home, key_of(0), 1, send=send)
    with open_alerts_database(home) as connection:
        connection.execute("delete from delivery_claims")
    deliver_notice(home, key_of(0), 1, send=lambda url, message: sent.append(url))
    assert sent == ["json://a/1", "json://b/2"], "and a URL that is named twice is sent to once"


@pytest.mark.parametrize("url", [f"json://127.0.0.1:1/{SECRET}", f"nonsense://{SECRET}", f"slack://{SECRET}", SECRET])
def test_a_malformed_or_unreachable_channel_is_contained(home, monkeypatch, url, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", url)
    book_failure(home, key_of(0), make_suite(), "x")
    outcome = deliver_notice(home, key_of(0), 1)
    assert (outcome.delivered, len(outcome.failed)) == ((), 1)
    assert SECRET not in dump(home) + caplog.text + repr(outcome)


def test_a_channel_without_a_url_says_which_variable_is_missing(home, monkeypatch):
    monkeypatch.delenv("DOCMIND_CHANNEL_OPS", raising=False)
    book_failure(home, key_of(0), make_suite(), "x")
    assert "export DOCMIND_CHANNEL_OPS=" in deliver_notice(home, key_of(0), 1).failed[0]
    with pytest.raises(SettingsError, match="DOCMIND_CHANNEL_OPS"):
        send_test(home, "ops")


def test_an_error_of_the_sender_is_contained_and_redacted(home, webhook):
    def send(url, message):
        raise OSError(f"cannot reach {url}")

    book_failure(home, key_of(0), make_suite(), "x")
    failed = deliver_notice(home, key_of(0), 1, send=send).failed
    assert "OSError: cannot reach ***" in failed[0]


def test_a_test_message_takes_the_real_path_and_is_recorded(home, webhook):
    send_test(home, "ops")
    assert webhook.posted[0]["title"] == "DocMind Eval: test message"
    assert deliveries(home) == [("ops", 1, "delivered")]
    webhook.status = 404
    with pytest.raises(DeliveryError) as refused:
        send_test(home, "ops")
    assert SECRET not in str(refused.value)
    assert undelivered(home) == (), "a test message is not sent again by itself"


def test_each_part_of_a_url_but_scheme_and_host_is_redacted():
    url = "https://me:pass%20word@hooks.example.org/T0001/B0002?token=abcdef"
    text = "POST hooks.example.org:443 /T0001/B0002 with pass word, token=abcdef as me"
    assert redacted(text, url) == "POST hooks.example.org:443 /***/*** with ***, ***=*** as me"


def test_a_thousand_due_notices_are_read_at_once_and_each_hour_they_are_tried_afresh(home):
    message = Message(title="t", text="x", markdown="x")
    with open_alerts_database(home) as connection, transaction(connection):
        for seq in range(1, 1001):
            insert_due(connection, key_of(0), seq, "ops", message, START.isoformat())
    assert len({notice.key for notice in undelivered(home, now=START)}) == 1000
    later = undelivered(home, now=START + timedelta(hours=2, minutes=5))
    assert later[0].key == f"{key_of(0)}:1:2"
    assert len(undelivered(home, now=START + timedelta(days=30))) == 1000, "no age ends it before somebody has tried"


def health(home):
    with open_alerts_database(home) as connection:
        rows = connection.execute("select * from alerting_health").fetchall()
    return {(row["subject"], row["name"]): dict(row) for row in rows}


def test_after_the_last_attempt_a_message_is_given_up_in_a_row_of_its_own_and_the_channel_is_stale(home, webhook):
    book_failure(home, key_of(0), make_suite(), "x")
    for attempt in range(1, ATTEMPTS_MAX + 1):
        outcome = deliver_notice(home, key_of(0), 1, send=lambda url, message: "HTTP 500")
        assert outcome.given_up == (("ops",) if attempt == ATTEMPTS_MAX else ())
    assert deliveries(home)[-2:] == [("ops", ATTEMPTS_MAX, "failed"), ("ops", ATTEMPTS_MAX + 1, "gave_up")]
    assert undelivered(home) == ()
    channel = health(home)["channel", "ops"]
    assert (channel["stale"], channel["because"]) == (1, "gave up on 1 since the last delivery")
    send_test(home, "ops")
    channel = health(home)["channel", "ops"]
    assert (channel["stale"], channel["last_delivered_at"] is None) == (0, False)


def test_a_message_that_no_one_has_tried_for_an_hour_makes_its_channel_stale(home):
    book_failure(home, key_of(0), make_suite(), "x", now=START)
    channel = health(home)["channel", "ops"]
    assert (channel["waiting"], channel["stale"], channel["because"]) == (1, 1, "1 wait, one for more than an hour")


def test_the_health_of_a_channel_is_the_same_in_the_published_database(home):
    for night in range(3):
        book_failure(home, key_of(night), make_suite(channels=("ops", "pager")), "x", now=START)
    for _ in range(ATTEMPTS_MAX):
        deliver_notice(home, key_of(0), 1, send=lambda url, message: "HTTP 500")
    columns = "subject, name, waiting, given_up, stale, because"
    publish(home)
    _, found = query_rows(home, f"select {columns} from alerting_health order by subject, name")
    with open_alerts_database(home) as connection:
        rows = connection.execute(f"select {columns} from alerting_health order by subject, name").fetchall()
    assert found == [tuple(row) for row in rows]
    assert len(found) == 3


def test_two_deliveries_of_one_message_at_once_send_it_once(home, webhook):
    book_failure(home, key_of(0), make_suite(), "x")
    inner = []

    def send(url, message):
        inner.append(deliver_notice(home, key_of(0), 1, send=lambda url, message: None))

    assert deliver_notice(home, key_of(0), 1, send=send).delivered == ("ops",)
    assert inner[0].delivered == ()
    assert deliveries(home) == [("ops", 1, "delivered")]


def test_what_a_dead_process_had_taken_is_sent_by_the_next_one(home):
    book_failure(home, key_of(0), make_suite(), "x")
    now = datetime.now(UTC)
    assert len(claim_messages(home, key_of(0), 1, now=now)) == 1
    assert claim_messages(home, key_of(0), 1, now=now + timedelta(minutes=4)) == ()
    assert len(claim_messages(home, key_of(0), 1, now=now + timedelta(minutes=6))) == 1


@pytest.mark.parametrize("url", ["slack://xoxb-token-1/b", "pover://user@xoxb-token-1", "tgram://xoxb-token-1/42"])
def test_a_token_in_the_place_of_a_host_is_redacted(url):
    assert redacted("no answer of xoxb-token-1", url) == "no answer of ***"
