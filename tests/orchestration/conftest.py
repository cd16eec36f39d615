"""A home of its own for each test."""

import shutil
import socket

import pytest

from docmind_core.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch, dagster_home):
    """Settings of an empty home, which the environment names too."""
    settings = Settings(home=tmp_path / "home")
    shutil.copytree(dagster_home, settings.dagster_home)
    monkeypatch.setenv("DOCMIND_HOME", str(settings.home))
    return settings


@pytest.fixture
def unused_port():
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
