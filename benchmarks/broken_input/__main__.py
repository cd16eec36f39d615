"""CPU seconds and memory of `docmind check` for each kind of broken file: python -m benchmarks.broken_input."""

import json
import math
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from docmind_core.errors import DocMindError
from docmind_core.runs.input_check import check_input
from tests.broken_inputs import QUERY_SETS, SUITES, write_broken_set, write_broken_suite

SECONDS_MAX = 10.0
MEBIBYTES_MAX = 500.0
SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What one check cost."""

    refused: bool = False
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mib: float = 0.0

    @property
    def within_limits(self) -> bool:
        """Judged by CPU: a check waits for the disk alone, and other work on the machine is not its fault."""
        return self.refused and self.cpu_s <= SECONDS_MAX and self.peak_mib <= MEBIBYTES_MAX


def main() -> int:
    """Print the slowest and the largest kinds; 0 when each one is refused within the limits, else 1."""
    # The imports of a suite's check are paid once, here: a fork has them.
    check_input("smoke")
    found: dict[str, Refusal] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, names, write in (("set", QUERY_SETS, write_broken_set), ("suite", SUITES, write_broken_suite)):
            for name in names:
                found[f"{kind}: {name}"] = measured(write(Path(folder) / str(len(found)), name))
    for title, column in (("slowest", "cpu_s"), ("largest", "peak_mib")):
        print(f"\n| {title} of {len(found)} kinds | CPU s | wall s | MiB |\n|---|---|---|---|")
        for name in sorted(found, key=lambda name: -getattr(found[name], column))[:SHOWN]:
            row = found[name]
            print(f"| {name} | {row.cpu_s:.2f} | {row.wall_s:.2f} | {row.peak_mib:.0f} |")
    bad = [name for name, row in found.items() if not row.within_limits]
    print(
        f"\n{len(found)} kinds, {len(bad)} beyond {SECONDS_MAX:g} CPU s or {MEBIBYTES_MAX:g} MiB, or not refused: {bad}"
    )
    return 1 if bad else 0


def measured(path: Path) -> Refusal:
    """Check `path` in a fork."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, json.dumps(asdict(_check(path))).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return Refusal(**json.loads(text)) if text else Refusal()


def _check(path: Path) -> Refusal:
    wall_s, cpu_s, refused = time.monotonic(), time.process_time(), False
    try:
        check_input(str(path))
    except DocMindError:
        refused = True
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    return Refusal(
        refused=refused,
        cpu_s=time.process_time() - cpu_s,
        wall_s=time.monotonic() - wall_s,
        peak_mib=int(peak.group(1)) / 1024 if peak else math.inf,
    )


if __name__ == "__main__":
    sys.exit(main())
