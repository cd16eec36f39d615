"""The table of HTTP statuses in docs/operations.md, held against what the client does."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest

from docmind_core.errors import EngineUnreachable, RequestRejected
from docmind_core.runs.call_booking import token_counts
from tests.fakes.engine_server import FakeEngine, Refusal
from tests.serving.test_chat_client import Book, make_client, make_request

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
STATUSES = [int(status) for status in HTTPStatus if status >= 300 and status != HTTPStatus.NOT_MODIFIED]
"""304 has no body by definition, which this server can't send."""


def table():
    text = PAGE.read_text("utf-8").partition("<!-- statuses -->")[2].partition("<!-- end statuses -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.strip().splitlines()[2:]]
    return {name: cells for first, *cells in rows for name in re.findall(r"\d\w\w", first)}


def row_of(status):
    found = table()
    return found.get(str(status)) or found[f"{str(status)[0]}xx"]


@pytest.fixture(scope="module")
def engine():
    def refuse(body):
        status = int(body["messages"][1]["content"])
        return Refusal(status, {"Location": "http://127.0.0.1:9/"}, "planted")

    with FakeEngine(fault_of=refuse) as server:
        yield server


@pytest.mark.parametrize("status", [*STATUSES, 418, 430, 499, 520, 529, 599])
async def test_each_status_leads_to_what_the_page_says(engine, status):
    again, tokens, advice = row_of(status)
    book = Book()
    async with make_client(engine) as client:
        with pytest.raises(EngineUnreachable if again == "yes" else RequestRejected) as caught:
            await client.complete(make_request(user=str(status)), book)

    assert len(book.ends) == {"yes": 4, "no": 1}[again]
    assert {end.http_status for end in book.ends} == {status}
    assert f"HTTP {status}: " in str(caught.value)
    assert advice.partition(":")[0] in str(caught.value)
    because = {token_counts(end)["tokens_missing_because"] for end in book.ends}
    billed = {token_counts(end).get("billed_tokens") for end in book.ends}
    assert (because, billed) == (({None}, {0}) if tokens == "0" else ({"unreconciled"}, {None}))


async def test_a_success_of_another_number_than_200_is_read_and_booked_with_it():
    whole = '{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    with FakeEngine(fault_of=lambda body: Refusal(201, {}, whole)) as server:
        book = Book()
        async with make_client(server) as client:
            reply = await client.complete(make_request(), book)

    assert (reply.text, book.ends[0].http_status) == ("yes", 201)
