import json
from functools import partial
from pathlib import Path

import pytest

from docmind_core.settings import Settings
from tests.builders import make_toy_suite
from tests.fakes.engine_server import FakeEngine

TOPICS = ("apples", "bridges", "clouds", "dolphins", "engines", "forests")


@pytest.fixture
def query_set_folder(tmp_path) -> Path:
    """Six documents and six queries in the normal form."""
    folder = tmp_path / "toy-set"
    folder.mkdir()
    documents = [
        {"doc_id": f"d_{topic}", "title": topic.title(), "text": f"All about {topic}. The colour of {topic} is blue."}
        for topic in TOPICS
    ]
    queries = [
        {
            "query_id": f"q_{topic}",
            "query": f"What is the colour of {topic}?",
            "answers": ["blue"],
            "gold_doc_ids": [f"d_{topic}"],
            "type": "factoid",
            "expected_abstain": False,
        }
        for topic in TOPICS
    ]
    for name, rows in (("documents", documents), ("queries", queries)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    return folder


@pytest.fixture
def home(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def engine(deadlines):
    with FakeEngine(reply=_reply) as server:
        yield server


@pytest.fixture
def make_suite(query_set_folder, engine):
    return partial(make_toy_suite, str(query_set_folder), engine.url)


def _reply(body) -> str:
    from tests.fakes.engine_server import plain_reply

    text = plain_reply(body)
    return "blue [1]" if text.startswith("a short answer") else text
