"""Builds the stand-in for NVIDIA's management library; a process sees it when it starts with `stand_in_environment`."""

import shutil
import subprocess
from pathlib import Path

from docmind_core.settings import child_environment

SOURCE = Path(__file__).with_name("fake_nvml.c")
NAME = "FAKE GPU, test stand-in"


def has_compiler() -> bool:
    return shutil.which("gcc") is not None


def stand_in_environment(folder: Path, **changes: str) -> dict[str, str]:
    """Compile the stand-in into `folder` and return the environment of a child process that loads it."""
    library = folder / "libnvidia-ml.so.1"
    if not library.exists():
        subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE)], check=True)
    return child_environment(LD_LIBRARY_PATH=str(folder), **changes)
