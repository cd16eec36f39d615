from pathlib import Path

import pytest

from docmind_core.runs import benchmark

HERE = Path(__file__).parent
TOPICS = ("apples", "bridges")


def reply(body):
    return f"blue about {len(str(body['messages'][-1]['content']).split())} words"


@pytest.fixture(scope="module")
def unprobed():
    """Leave out the probe, which starts each system once more: the tests of check, page and resumption have it."""

    async def leave_out(*_):
        pass

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(benchmark, "refuse_unseen_systems", leave_out)
        yield
