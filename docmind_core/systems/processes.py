"""Ending processes that run the user's code."""

import os
import signal
from contextlib import suppress


def end_group(leader: int) -> None:
    """End the process of this number, which leads its own session, and whatever it has started there."""
    # Its group may live on when it has ended itself, and keeps its number as long.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def exit_text(code: int) -> str:
    """Say how a process ended: `exited with code 3`, `was terminated by SIGKILL`."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was terminated by {signal.Signals(-code).name}"
    except ValueError:
        return f"was terminated by signal {-code}"
