"""Delivery to real local webhooks: at least once, recorded, without secrets."""

import logging
from datetime import timedelta

import pytest

from docmind_core.alerts.booking import insert_due
from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.delivery import deliver_notice, redacted, send_test
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.messages import Message
from docmind_core.alerts.notices import undelivered
from docmind_core.errors import DeliveryError, SettingsError
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
    assert undelivered(home, now=START + timedelta(hours=25)) == (), "after a day it is left to the list of alerts"
