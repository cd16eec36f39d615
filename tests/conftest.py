"""What every test may ask for, and what makes publishing cheap where it isn't what is tested."""

import os
from pathlib import Path

import pytest

from docmind_core.settings import Settings
from docmind_core.tables import connecting, publish

PROJECT = Path(__file__).resolve().parents[1]
DESCRIBE = publish._describe


@pytest.fixture(scope="session", autouse=True)
def _quick_tables():
    """One thread of DuckDB, for the tables of tests are small; no comments, which are half the time of publishing.

    `tests/tables` publishes as the product does.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(connecting._CONFIG, "threads", 1)
        patched.setattr(publish, "_describe", lambda connection: None)
        yield


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
