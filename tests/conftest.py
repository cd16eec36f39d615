"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from docmind_core.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def home(tmp_path) -> Settings:
    """Settings of an empty home of this test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real query sets, read in place: DOCMIND_TEST_DATA, by default ../shared/data."""
    named = os.environ.get("DOCMIND_TEST_DATA")  # noqa: TID251 - a test's own switch, not a setting of the product
    folder = Path(named) if named else PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no query sets at {folder}; set DOCMIND_TEST_DATA to a folder in the layout of the README")
    return folder
