"""The sign of life to the outside: sent while the alerting works, and never more than a line when it fails."""

import logging

import pytest

from docmind_core.alerts.delivery import deliver_notice
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.heartbeat import send_heartbeat
from docmind_core.alerts.notices import ATTEMPTS_MAX
from tests.alerts.builders import key_of, make_suite
from tests.alerts.webhook import SECRET, Webhook

VARIABLE = "DOCMIND_HEARTBEAT_URL"


@pytest.fixture
def webhook(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    webhook = Webhook()
    monkeypatch.setenv(VARIABLE, webhook.heartbeat_url)
    yield webhook
    webhook.close()
    assert SECRET not in caplog.text


def test_a_heartbeat_is_sent_to_the_url_of_the_environment(home, webhook):
    assert send_heartbeat(home) is None
    assert webhook.asked == [f"/{SECRET}?token={SECRET}"]


def test_without_a_url_nothing_is_sent_and_nothing_is_said(home, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert send_heartbeat(home) is None


@pytest.mark.parametrize("status", [301, 404, 500])
def test_an_answer_that_is_not_a_success_is_one_line_without_the_url(home, webhook, status):
    webhook.status = status
    said = send_heartbeat(home)
    assert said == f"the heartbeat to http://127.0.0.1/*** was answered with HTTP {status}"


@pytest.mark.parametrize(
    "url", [f"http://127.0.0.1:1/{SECRET}", f"ftp://{SECRET}", SECRET, f"http://[{SECRET}", f"http://a\x00{SECRET}"]
)
def test_a_url_that_cannot_be_reached_or_is_none_is_one_line_without_it(home, monkeypatch, url, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("docmind_core.alerts.heartbeat.read_heartbeat_url", lambda: url)
    said = send_heartbeat(home)
    assert said.startswith("the heartbeat to ")
    assert len(said.splitlines()) == 1
    assert SECRET not in said + caplog.text


def test_a_proxy_that_cannot_be_used_is_one_line_too(home, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"http://watch.invalid/{SECRET}")
    monkeypatch.setenv("ALL_PROXY", "nonsense://proxy.invalid:1")
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    assert send_heartbeat(home) == "the heartbeat to http://watch.invalid/*** failed (SettingsError)"


def test_no_heartbeat_is_sent_while_a_channel_takes_no_message(home, webhook):
    book_failure(home, key_of(0), make_suite(), "x")
    for _ in range(ATTEMPTS_MAX):
        deliver_notice(home, key_of(0), 1, send=lambda url, message: "HTTP 500")
    assert send_heartbeat(home) == "no heartbeat while a channel rejects its messages: ops"
    assert webhook.asked == []
