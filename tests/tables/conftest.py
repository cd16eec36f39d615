import pytest

from docmind_core.settings import Settings
from docmind_core.tables import publish


@pytest.fixture
def with_comments(_quick, monkeypatch):
    """Publish as the product does, which describes each table, view and column."""
    monkeypatch.setattr(publish, "describe", _quick)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")
