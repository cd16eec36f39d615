"""The home in which the real engine is tested: kept, so that its model is prepared once."""

import pytest

from docmind_core.serving.launcher import installed_engine
from docmind_core.settings import Settings
from tests.conftest import PROJECT


@pytest.fixture(scope="session")
def engine_home() -> Settings:
    """Settings of a home that stays between test sessions; skips where no engine is installed."""
    if installed_engine() is None:
        pytest.skip("vLLM is not installed; make test installs it")
    return Settings(home=PROJECT / ".docmind" / "test-engine")
