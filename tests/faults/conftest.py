"""A small suite on a stand-in engine."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.builders import make_toy_suite
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine, plain_reply

TOPICS = ("apples", "bridges", "clouds", "dolphins", "engines", "forests")


@pytest.fixture
def query_set_folder(tmp_path) -> Path:
    documents = [{"doc_id": f"d_{topic}", "text": f"The colour of {topic} is blue."} for topic in TOPICS]
    queries = [
        {
            "query_id": f"q_{topic}",
            "query": f"What is the colour of {topic}?",
            "answers": ["blue"],
            "gold_doc_ids": [f"d_{topic}"],
        }
        for topic in TOPICS
    ]
    return write_query_set(tmp_path / "toy-set", documents=documents, queries=queries)


@pytest.fixture
def engine(deadlines):
    with FakeEngine(reply=plain_reply) as server:
        yield server


@pytest.fixture
def make_suite(query_set_folder, engine):
    return partial(make_toy_suite, str(query_set_folder), engine.url)


@pytest.fixture
def write_suite(make_suite, tmp_path):
    """Write a suite file and return its path."""

    def write(**changes) -> str:
        path = tmp_path / "toy.yaml"
        path.write_text(json.dumps(make_suite(**changes).model_dump(mode="json")))  # JSON is YAML
        return str(path)

    return write


@pytest.fixture
def impatient(monkeypatch):
    """Retries without waits."""
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)
