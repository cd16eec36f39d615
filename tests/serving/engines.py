"""Profiles of the fake engine, and waiting for processes without sleeping."""

import sys
from pathlib import Path

from docmind_core.serving import engine_state
from docmind_core.serving.bundled_model import PreparedModel
from docmind_core.serving.engine_state import group_members
from docmind_core.serving.profiles import EngineProfile

SCRIPT = Path(__file__).with_name("fake_engine.py")


def prepare_nothing(settings, announce):
    return PreparedModel(folder=Path("/nowhere"), revision="none==0", weights_hash="00")


def fake_profile(behaviour="well", **changes):
    """A profile that starts `fake_engine.py`, so that everything around an engine can be tested in a second."""
    values = {
        "name": "fake",
        "served_model_name": "fake-model",
        "flags": ("--behave", behaviour),
        "environment": {"VLLM_SERVER_DEV_MODE": "1"},
        "plumbing": True,
        "shutdown_timeout_s": 0.0,
        "prepare_model": prepare_nothing,
        "launcher": (sys.executable, str(SCRIPT)),
    }
    return EngineProfile(**{**values, **changes})


def survivors(state, *, within_s=15.0):
    """Processes of an engine's group that are still there after `within_s`; [] as soon as all have ended."""
    return [] if engine_state._is_gone(state, within_s=within_s) else group_members(state)
