"""Kills of the real `docmind bench` with a real engine under it."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from benchmarks.kill_resume.killing import PROJECT, KilledRun
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.serving.counters import CounterSnapshot, counters_of
from docmind_core.serving.engine import engine_status
from docmind_core.settings import Settings, child_environment
from docmind_core.suites.suite import Suite

POLL_S = 0.05
SETTLE_S = 0.5
EARLY_SHARE = 0.2
EARLY_MAX_S = 20.0


@dataclass(slots=True, kw_only=True)
class CommandLine:
    """Starts `docmind bench` on one suite, in a home of its own, and kills it."""

    settings: Settings
    suite: Suite
    limit: int
    log: Path
    scraped: dict[str, float] = field(default_factory=dict)
    """Requests that each engine session had completed when its run was killed."""

    def undisturbed(self) -> str:
        """Run to the end and return the key."""
        return self._finish(None, list(self._keys()))

    def killed(self, dice: random.Random, kills: int, calls: int) -> KilledRun:
        """Run, kill and resume `kills` times, then to the end; `calls` is what an undisturbed run makes."""
        before, key, done = list(self._keys()), None, 0
        while done < kills:
            with self._start(key) as child:
                if not self._wait_for_a_moment(child, key, before, dice, calls // (kills + 1)):
                    break
                child.send_signal(signal.SIGSTOP)
                time.sleep(SETTLE_S)
                self._scrape()
                child.kill()
            done += 1
            key = key or next(self._keys(before), None)
            print(f"kill {done} of {kills}", file=sys.stderr, flush=True)
        key = self._finish(key, before)
        return KilledRun(benchmark_run=key, kills=done, completed=self._completed(key))

    def _start(self, key: str | None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dagster_project.cli", "bench", self.suite.name]
        if key is not None:
            command += ["--resume", key]
        else:
            # One query at a time: the same batches give the same words. No embeddings: they take minutes on two cores.
            command += [
                "--strategy",
                "keyword_search",
                "--engine",
                self.suite.engine,
                "--arms",
                ",".join(self.suite.arms),
            ]
            command += ["--limit", str(self.limit), "--concurrency", "1"]
        with self.log.open("ab") as output:
            environment = child_environment(DOCMIND_HOME=str(self.settings.home))
            return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)

    def _finish(self, key: str | None, before: list[str]) -> str:
        with self._start(key) as child:
            code = child.wait()
        if code != 0:
            words = self.log.read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"docmind bench ended with {code}: {words}")
        return key or next(self._keys(before))

    def _keys(self, known: list[str] | None = None) -> Iterator[str]:
        return (
            run.benchmark_run for run in list_benchmark_runs(self.settings) if run.benchmark_run not in (known or ())
        )

    def _wait_for_a_moment(
        self, child: "subprocess.Popen[bytes]", key: str | None, before: list[str], dice: random.Random, step_max: int
    ) -> bool:
        """Wait: one in five times some seconds from the start, else into a call; False when the run ended first."""
        early_s = time.monotonic() + dice.uniform(0, EARLY_MAX_S) if dice.random() < EARLY_SHARE else None
        steps, delay_s = dice.randint(0, max(1, step_max)), dice.uniform(0, 1)
        begun, ended = self._attempts(key)
        while child.poll() is None:
            now = self._attempts(key or next(self._keys(before), None))
            if early_s is not None and time.monotonic() >= early_s:
                return True
            if early_s is None and now[0] > begun and now[1] >= ended + steps:
                time.sleep(delay_s)
                return child.poll() is None
            time.sleep(POLL_S)
        return False

    def _attempts(self, key: str | None) -> tuple[int, int]:
        """Return how many attempts the journal holds as begun and as ended."""
        if key is None:
            return 0, 0
        try:
            with sqlite3.connect(f"file:{journal_path(self.settings, key)}?mode=ro", uri=True) as connection:
                begun, ended = connection.execute("select count(*), coalesce(sum(ended), 0) from attempts").fetchone()
                return int(begun), int(ended)
        except sqlite3.OperationalError:  # not made yet
            return 0, 0

    def _scrape(self) -> None:
        snapshot = self._counters()
        if snapshot is not None:
            self.scraped[snapshot.engine_session] = snapshot.values.get("request_success", 0.0)

    def _counters(self) -> CounterSnapshot | None:
        status = engine_status(self.settings)
        url = status.url if status is not None else self.suite.engine
        if "://" not in url:
            return None
        try:
            with urlopen(f"{url}/metrics", timeout=5) as response:  # noqa: S310 - an engine's own URL
                return counters_of(response.read().decode(), base_url=url)
        except OSError:  # not up yet
            return None

    def _completed(self, key: str) -> int:
        """Return the requests that all engine sessions of a run completed for it, by their own counters."""
        first: dict[str, float] = {}
        last = dict(self.scraped)
        with Journal(journal_path(self.settings, key)) as journal:
            rows = [row for arm in self.suite.arms for row in journal.counters(run_id_of(key, arm))]
        for row in (row for row in rows if row["counter"] == "request_success"):
            session = row["engine_session"]
            first[session] = min(row["value"], first.get(session, row["value"]))
            last[session] = max(row["value"], last.get(session, row["value"]))
        return int(sum(last[session] - value for session, value in first.items()))
