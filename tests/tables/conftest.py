import pytest

from docmind_core.settings import Settings
from docmind_core.tables import publish
from tests.conftest import DESCRIBE


@pytest.fixture(autouse=True)
def _with_comments(monkeypatch):
    """What is published here is described, as the product does it."""
    monkeypatch.setattr(publish, "_describe", DESCRIBE)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")
