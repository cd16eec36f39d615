"""A recorded benchmark run: the tables of a real one, packed small, for a home that has no engine to make its own."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from docmind_core.errors import UsageError
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.keys import NUMBER, benchmark_run_of, run_id_of
from docmind_core.runs.run_states import BenchmarkRunState, keep_state
from docmind_core.settings import Settings
from docmind_core.tables.packing import export_run, import_run
from docmind_core.tables.segments import read_segment

FACTS = "recording.json"
"""File with a recording's own facts; also present in a home unpacked from one."""
_SUITES = ("suite.yaml", "source.yaml")


def bundled_recording() -> Traversable:
    """Return the folder of the recording that comes with the package."""
    return resources.files("docmind_core.runs") / "recording"


def pack(settings: Settings, benchmark_run: str, folder: Path) -> Mapping[str, Any]:
    """Write a finished benchmark run into `folder`, one Parquet file per table, and return the recording's facts.

    Raises:
        UsageError: If the run has no finished arm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run_ids = export_run(settings.tables, benchmark_run, folder)
    if not run_ids:
        raise UsageError(f"{benchmark_run} has no finished arm in {settings.home}. List the runs: docmind runs")
    for name in _SUITES:
        (folder / name).write_bytes((settings.benchmarks / benchmark_run / name).read_bytes())
    facts = _facts(settings, run_ids)
    (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return facts


def unpack(recording: Traversable, settings: Settings) -> str:
    """Put a recording into a home that has none of its own runs; return the key of its benchmark run.

    Doing it again writes the same files.

    Raises:
        UsageError: If the home holds another benchmark run.
    """
    facts = json.loads((recording / FACTS).read_text("utf-8"))
    key = str(facts["benchmark_run"])
    others = {path.name for path in settings.benchmarks.glob("*")} - {key}
    if others:
        raise UsageError(
            f"{settings.home} contains benchmark runs of your own. Choose another folder: docmind demo FOLDER"
        )
    settings.make_home()
    frozen = settings.benchmarks / key
    frozen.mkdir(parents=True, exist_ok=True)
    for name in _SUITES:
        (frozen / name).write_bytes((recording / name).read_bytes())
    (frozen / NUMBER).write_text("1", "ascii")
    (settings.home / FACTS).write_text(json.dumps(facts), "utf-8")
    import_run(recording, settings.tables, key)
    keep_state(settings, _state(settings, key))
    return key


def recorded_note(settings: Settings) -> str | None:
    """Return when, from which commit and on what machine the runs of a home were recorded; None for runs of its own."""
    path = settings.home / FACTS
    if not path.is_file():
        return None
    facts = json.loads(path.read_text("utf-8"))
    machine = ", ".join(str(facts["machine"][name]) for name in ("processor", "gpus") if facts["machine"].get(name))
    size = f"{facts['machine'].get('cores')} cores, {facts['machine'].get('memory_gib')} GiB"
    return (
        f"Recorded run: made on {facts['recorded_at'][:10]} from commit {(facts['commit'] or 'unknown')[:12]}, on "
        f"{machine}, {size}; not on this machine."
    )


def _facts(settings: Settings, run_ids: tuple[str, ...]) -> dict[str, Any]:
    first = read_segment(settings.tables, "runs", run_ids[0])[0]
    started = first["started_at"]
    assert isinstance(started, datetime)
    return {
        "benchmark_run": benchmark_run_of(run_ids[0]),
        "run_ids": list(run_ids),
        "recorded_at": started.replace(tzinfo=UTC).isoformat(),
        "commit": first["git_sha"],
        "model": first["model"],
        "machine": json.loads(str(first["manifest"]))["hardware"],
    }


def _state(settings: Settings, key: str) -> BenchmarkRunState:
    suite = read_frozen_suite(settings, key)
    runs = [read_segment(settings.tables, "runs", run_id_of(key, arm))[0] for arm in suite.arms]
    total = sum(int(str(run["expected_queries"])) for run in runs)
    return BenchmarkRunState(
        benchmark_run=key, suite=suite.name, arms=suite.arms, finished=True, queries_done=total, queries_total=total
    )
