"""What this process holds in memory."""

import os
from pathlib import Path


def rss_mib() -> float:
    """Return what it holds now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib() -> float:
    """Return the most it has held: what getrusage says begins with the process that started this one."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(kib) / 1024
