"""A home of its own for each test."""

import socket

import pytest

from docmind_core.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of an empty home, which the environment names too."""
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path / "home"))
    return Settings(home=tmp_path / "home")


@pytest.fixture
def unused_port():
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
