"""`docmind doctor --engine URL`: a table, JSON, and one clear line for each way in which it is no engine."""

import json

import pytest

from dagster_project.cli.main import run
from tests.fakes.engine_server import FakeEngine
from tests.fakes.plain_servers import PlainServer
from tests.serving.loopback import serve


def doctor(capsys, monkeypatch, tmp_path, *arguments):
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path / "home"))
    code = run(["doctor", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_table_names_each_ability_and_the_json_has_the_same(capsys, monkeypatch, tmp_path):
    with PlainServer(kind="llama.cpp") as server:
        code, shown, _ = doctor(capsys, monkeypatch, tmp_path, "--engine", f"{server.url}/v1")
        _, text, _ = doctor(capsys, monkeypatch, tmp_path, "--engine", server.url, "--json")
    rows = json.loads(text)
    assert code == 0
    assert {"ability": "dialect", "offered": "yes", "found": "plain_openai", "unknown": None} in rows
    assert all(row["ability"] in shown and row["found"] in shown for row in rows)
    assert (
        shown.splitlines()[-1]
        == f"{server.url} can be used; 6 of 8 abilities are missing, so some figures will be unknown"
    )


def test_each_replica_has_a_table_and_its_url_in_the_json(capsys, monkeypatch, tmp_path):
    with FakeEngine() as one, FakeEngine(reports_usage=False) as two:
        urls = [one.url, two.url]
        code, shown, _ = doctor(capsys, monkeypatch, tmp_path, "--engine", ",".join(urls))
        _, text, _ = doctor(capsys, monkeypatch, tmp_path, "--engine", ",".join(urls), "--json")
    rows = json.loads(text)
    counts = {row["url"]: row["offered"] for row in rows if row["ability"] == "token counts"}
    assert (code, counts) == (0, {one.url: "yes", two.url: "no"})
    assert [line.partition(" can be used")[0] for line in shown.splitlines() if " can be used" in line] == urls


def test_of_two_replicas_the_one_that_does_not_answer_is_named(capsys, monkeypatch, tmp_path):
    with serve({}) as gone:
        pass
    with FakeEngine() as one:
        code, shown, said = doctor(capsys, monkeypatch, tmp_path, "--engine", f"{one.url},{gone.url}")
    assert (code, shown) == (1, "")
    assert f"nothing answers at {gone.url}" in said
    assert one.url not in said


PAGE = (200, "<!doctype html><html><title>Sign in</title></html>")
REASONS = {
    "nothing answers": ({}, "nothing answers at"),
    "page": ({"/v1/models": PAGE}, "answers, but with a web page. Give the base URL of the server"),
    "page with 404": (
        {"/": PAGE},
        "answered with HTTP 404: this server does not offer the OpenAI API there. Give the base URL",
    ),
    "other JSON": ({"/v1/models": (200, '{"models": []}')}, "but not like an OpenAI-compatible server. Give"),
    "forbidden": ({"/v1/models": (403, "no")}, "answered with HTTP 403. It needs a key"),
    "ill": ({"/v1/models": (503, "loading")}, "answered with HTTP 503. Check that the engine is up"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_is_not_an_engine_is_one_line_that_says_what_to_do(capsys, monkeypatch, tmp_path, reason):
    routes, expected = REASONS[reason]
    with serve(routes) as server:
        url = server.url
        if reason != "nothing answers":
            code, shown, said = doctor(capsys, monkeypatch, tmp_path, "--engine", url)
    if reason == "nothing answers":
        code, shown, said = doctor(capsys, monkeypatch, tmp_path, "--engine", url)
    assert code == 1
    assert shown == ""
    assert len(said.strip().splitlines()) == 1
    assert expected in said


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/models", "/metrics"])
def test_the_url_may_be_given_with_or_without_v1_or_as_copied_from_a_call(capsys, monkeypatch, tmp_path, path):
    with FakeEngine() as engine:
        _, text, _ = doctor(capsys, monkeypatch, tmp_path, "--engine", f"{engine.url}{path}", "--json")
    assert json.loads(text)[0]["found"] == "vllm"


def test_a_key_that_is_refused_is_named_by_its_variable_and_not_shown(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", "wrong-key-000111")
    with FakeEngine(api_key="right") as engine:
        code, _, said = doctor(capsys, monkeypatch, tmp_path, "--engine", engine.url, "--api-key-env", "MY_KEY")
        _, _, without = doctor(capsys, monkeypatch, tmp_path, "--engine", engine.url)
    assert code == 1
    assert "MY_KEY" in said
    assert "wrong-key" not in said
    assert "--api-key-env NAME" in without
