from pathlib import Path

import pytest

from docmind_core.suites.suite import Suite
from tests.fakes.openai_engine import OpenaiEngine
from tests.runs.conftest import query_set_folder

__all__ = ["query_set_folder"]

HERE = Path(__file__).parent


def _reply(body):
    return f"blue about {len(body['messages'][-1]['content'].split())} words"


@pytest.fixture
def engine(deadlines):
    with OpenaiEngine(reply=_reply) as server:
        yield server


@pytest.fixture
def make_suite(query_set_folder, engine):
    def make(**systems) -> Suite:
        return Suite.model_validate(
            {
                "name": "toy",
                "query_set": str(query_set_folder),
                "engine": engine.url,
                "arms": [],
                "concurrency": 3,
                "warmup": 1,
                "systems": {name: {"folder": str(HERE), **spec} for name, spec in systems.items()},
            }
        )

    return make
