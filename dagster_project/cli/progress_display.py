"""Progress of a benchmark on stderr: a live display on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dagster import DagsterExecutionInterruptedError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from dagster_project.cli.terminal_text import say
from dagster_project.launch import launch_benchmark
from dagster_project.progress import describe, duration
from docmind_core.reports.terminal_layout import indented_lines
from docmind_core.reports.text_safety import visible_text
from docmind_core.runs.changed_suite import has_interrupted_queries
from docmind_core.runs.progress import ArmProgress, RunObserver
from docmind_core.settings import Settings

SECONDS_BETWEEN_LINES = 15.0


def launch_visibly(settings: Settings, benchmark_run: str, how_to_resume: str, *, add_replicates: int = 0) -> None:
    """Run the job `benchmark` with its progress on stderr; say `how_to_resume` it if it is interrupted.

    Raises:
        KeyboardInterrupt: If it was stopped by Ctrl-C or SIGTERM.
    """
    try:
        with progress_display() as observer:
            launch_benchmark(settings, benchmark_run, observer, add_replicates=add_replicates)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        say(f"interrupted; resume with: {how_to_resume}", err=True)
        if has_interrupted_queries(settings, benchmark_run):
            say("queries in progress would lack tokens and times: add --redo-interrupted to rerun them", err=True)
        raise KeyboardInterrupt(benchmark_run) from None


@contextmanager
def progress_display() -> Iterator[RunObserver]:
    """Yield what shows the progress of a run on stderr until the block ends."""
    if not sys.stderr.isatty():
        yield LineObserver()
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.fields[arm]}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield LiveObserver(progress)


class LiveObserver:
    """One bar per arm, and the announcements above them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def announce(self, text: str) -> None:
        """Print what happens now above the bars."""
        console = self._progress.console
        for line in indented_lines(visible_text(text), console.width, indent=2):
            console.print(line, markup=False, highlight=False, style="dim", soft_wrap=True)

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """Add the bar of an arm."""
        self._tasks[arm] = self._progress.add_task("", total=total, completed=done, arm=f"{arm:20}", detail="")

    def query_finished(self, progress: ArmProgress) -> None:
        """Move the bar."""
        self._progress.update(self._tasks[progress.arm], completed=progress.done, detail=_detail(progress))

    def still_running(self, progress: ArmProgress) -> None:
        """Show the calls that have finished since."""
        self.query_finished(progress)

    def arm_finished(self, progress: ArmProgress) -> None:
        """Leave the bar with what the arm came to."""
        self.query_finished(progress)


class LineObserver:
    """A line when an arm begins and ends, and one each 15 s between, whether or not a query has finished."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_line_s = clock()

    def announce(self, text: str) -> None:
        """Print what happens now."""
        say(text, err=True)

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """Print which arm begins, and how much of it an earlier attempt has done."""
        self._last_line_s = self._clock()
        before = f", {done} already done" if done else ""
        say(f"{arm}: {total} queries{before}", err=True)

    def still_running(self, progress: ArmProgress) -> None:
        """Print a line when one is due."""
        self.query_finished(progress)

    def query_finished(self, progress: ArmProgress) -> None:
        """Print a line when one is due."""
        now = self._clock()
        if now - self._last_line_s >= SECONDS_BETWEEN_LINES:
            self._last_line_s = now
            say(describe(progress), err=True)

    def arm_finished(self, progress: ArmProgress) -> None:
        """Print what the arm came to."""
        say(f"{describe(progress)}, done in {duration(progress.elapsed_s)}", err=True)


def _detail(progress: ArmProgress) -> str:
    text = describe(progress).partition(": ")[2].partition(", ")[2]
    return text if progress.done < progress.total else f"{text}, {duration(progress.elapsed_s)}".lstrip(", ")
