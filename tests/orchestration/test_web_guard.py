"""The guard in front of Dagster's web UI: who may ask, and what."""

import asyncio
from urllib.parse import quote

import pytest

from dagster_project.web_guard import Guard
from dagster_project.web_server import guarded_app

HOST = "127.0.0.1:3000"
START = 'mutation { startSchedule(scheduleSelector: {scheduleName: "x"}) { __typename } }'
SAME_SITE = {"sec-fetch-site": "same-origin"}


async def dagster_app(scope, receive, send):
    """Stands for Dagster: says that it was asked."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-security-policy", b"own")]})
    await send({"type": "http.response.body", "body": b"dagster"})


def ask(app, method="GET", path="/", *, query="", headers=None, kind="http"):
    """Send one request; the status (of a WebSocket: what became of it) and the headers."""
    sent = []
    given = {"host": HOST, **(headers or {})}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 3000),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    received = []

    async def receive():
        if received:  # the client waits for the answer and does not go away
            await asyncio.Event().wait()
        received.append(1)
        return {"type": "websocket.connect" if kind == "websocket" else "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    first = sent[0]
    return first.get("status", first["type"]), first.get("headers", [])


@pytest.fixture
def app():
    return Guard(dagster_app, hosts=[HOST, "localhost:3000", "metrics.example.org"])


def status(app, *arguments, **options):
    return ask(app, *arguments, **options)[0]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "query",
    [
        START,
        f"query A {{ version }} {START.replace('mutation', 'mutation B')}",
        "subscription { x }",
        "{ not graphql",
        "{" * 5000,
    ],
)
def test_what_may_change_something_is_refused_unless_it_is_sent_in_a_post(app, method, query):
    assert status(app, method, "/graphql", query=f"query={quote(query)}", headers=SAME_SITE) == 405


def test_a_second_query_in_the_address_is_looked_at_too(app):
    both = f"query={quote('{version}')}&query={quote(START)}"
    assert status(app, "GET", "/graphql", query=both) == 405


def test_a_form_can_not_carry_a_mutation_in_the_address_of_a_post(app):
    assert status(app, "POST", "/graphql", query=f"query={quote(START)}") == 400


def test_what_only_reads_may_be_asked_by_get_and_everything_by_post(app):
    assert status(app, "GET", "/graphql", query="query=%7Bversion%7D") == 200
    assert status(app, "POST", "/graphql") == 200
    assert status(app, "POST", "/graphql", headers={"origin": f"http://{HOST}"}) == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:3001", f"{HOST}.evil.example", ""])
def test_another_host_is_refused_so_that_a_name_can_not_be_rebound_to_this_machine(app, host):
    assert status(app, headers={"host": host}) == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8000", f"http://{HOST}.evil.example"]
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/x", "/"])
def test_a_page_of_another_origin_is_refused(app, origin, path):
    assert status(app, "POST", path, headers={"origin": origin}) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_web_socket_of_another_origin_is_closed_before_dagster_sees_it(app, origin):
    assert status(app, kind="websocket", path="/graphql", headers={"origin": origin}) == "websocket.close"
    assert status(app, kind="websocket", path="/graphql", headers={"origin": f"http://{HOST}"}) == "websocket.accept"


def test_another_site_may_link_to_a_page_but_may_not_load_one_as_a_picture_or_frame(app):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert status(app, headers=link) == 200
    assert status(app, headers=link | {"sec-fetch-dest": "iframe"}) == 403
    assert status(app, headers=link | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}) == 403
    assert status(app, "POST", headers=link) == 403


def test_a_proxy_is_answered_under_the_name_that_was_allowed(app):
    headers = {"host": "metrics.example.org", "origin": "https://metrics.example.org"}
    assert status(app, "POST", "/graphql", headers=headers) == 200


def test_no_answer_may_be_framed_and_the_policy_of_dagster_stays(app):
    _, headers = ask(app)
    assert (b"x-frame-options", b"DENY") in headers
    policies = [value for name, value in headers if name == b"content-security-policy"]
    assert policies == [b"own", b"frame-ancestors 'none'"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/reports/", 200),
        ("/reports/key/index.html", 200),
        ("/reports/key/", 200),
        ("/reports/none.html", 404),
        ("/reports/../secret.txt", 404),
        ("/reports/%2e%2e/secret.txt", 404),
        ("/runs", 200),
    ],
)
def test_reports_are_served_on_the_same_port_and_nothing_next_to_them(home, path, expected):
    folder = home.reports / "key"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<p>report</p>")
    (home.home / "secret.txt").write_text("x")
    assert status(guarded_app(dagster_app, home, port=3000), path=path) == expected


def test_a_report_may_load_and_run_nothing(home):
    home.reports.mkdir(parents=True)
    (home.reports / "x.html").write_text("<script>alert(1)</script>")
    _, headers = ask(guarded_app(dagster_app, home, port=3000), path="/reports/x.html")
    policies = b" ".join(value for name, value in headers if name == b"content-security-policy")
    assert b"default-src 'none'" in policies
    assert b"frame-ancestors 'none'" in policies


def test_the_list_of_reports_says_what_to_do_while_there_is_none(home):
    from docmind_core.reports.report_pages import list_page

    assert "docmind bench smoke" in list_page(home)
    page = home.reports / "20261122T020000Z-smoke-7f3a" / "index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert 'href="20261122T020000Z-smoke-7f3a/index.html"' in list_page(home)
