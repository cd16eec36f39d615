"""What a long history costs: python -m benchmarks.history --runs 1000 --queries 8.

One benchmark run of three arms is made on a stand-in engine and copied under other keys. Each figure is the median of
`--repetitions`; CPU and memory are those of a process of its own.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.history.copies import copy_run, enlarge_run, first_run
from benchmarks.history.multiplied import multiply
from benchmarks.history.web_ui import print_web_ui
from docmind_core.settings import Settings, child_environment
from docmind_core.tables.reading import query_rows
from docmind_core.tables.views import VIEWS

PROJECT = Path(__file__).resolve().parents[2]
PEAK = """
from pathlib import Path
def peak_mib():  # of this program: what getrusage says begins with the one that started it
    [kib] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(kib) / 1024
"""
PUBLISH = """
import json, sys, time
from pathlib import Path
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
before = time.perf_counter(), time.process_time()
publish(Settings(home=Path(sys.argv[1])), rebuild=sys.argv[2] == "all")
wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
print(json.dumps({"wall": wall, "cpu": cpu, "rss": peak_mib()}))
"""
ASK = """
import json, sys, time
from pathlib import Path
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows
settings, figures = Settings(home=Path(sys.argv[1])), {}
for sql in json.load(sys.stdin):
    before = time.perf_counter(), time.process_time()
    query_rows(settings, sql, max_rows=1000)
    wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
    rss = peak_mib()
    figures[sql] = {"wall": wall, "cpu": cpu, "rss": rss}
print(json.dumps(figures))
"""
Figures = dict[str, float]


def main() -> None:
    """Make the history, and print a table in Markdown."""
    options = _options()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        settings = Settings(home=Path(folder) / "home")
        began = time.perf_counter()
        key = first_run(settings, options.queries)
        newest = key
        for place in range(1, options.runs):
            newest = copy_run(settings, key, place)
        print(f"history made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if options.report_queries:
            enlarge_run(settings, newest, options.report_queries // options.queries)
        rows = [*_published(settings, key, options), *_commands(settings, newest, options)]
        if options.times > 1:
            days = options.runs + options.repetitions
            multiply(settings.metrics_database, options.times, days=days, calls=options.calls)
            rows.append(("publish after a run, with all calls", _after_a_run(settings, key, options, days)))
        rows += _asked(settings, options)
        size = settings.metrics_database.stat().st_size / 2**20
        [[runs, calls]] = query_rows(settings, "select count(*), (select count(*) from llm_calls) from runs")[1]
    load = ", ".join(f"{one:.0f}" for one in os.getloadavg())
    print(f"{runs:,} arms of {options.queries} queries: {calls:,} calls, {size:,.0f} MiB;")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load}, median of {options.repetitions}\n")
    print("| what | wall s | CPU s | memory MiB |\n|---|---|---|---|")
    for what, figures in rows:
        memory = f"{figures['rss']:,.0f}" if "rss" in figures else ""
        print(f"| {what} | {figures['wall']:.2f} | {figures['cpu']:.2f} | {memory} |")
    if options.web_ui:
        print("\nThe web UI over as many partitions:\n")
        print_web_ui(options.runs, options.repetitions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="benchmark runs of three arms")
    parser.add_argument(
        "--queries", type=int, default=8, help="of each arm; a benchmark run makes 16 times as many calls"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--times", type=int, default=1, help="ask views of so many times as many runs; facts stay as many"
    )
    parser.add_argument(
        "--calls", type=int, default=0, help="with --times: at least as many model calls, by more queries a run"
    )
    parser.add_argument(
        "--report-queries",
        type=int,
        default=0,
        help="of each arm of the run that is reported; as the others by default",
    )
    parser.add_argument(
        "--web-ui", action=argparse.BooleanOptionalAction, default=True, help="measure the web UI as well"
    )
    parser.add_argument("--folder", type=Path, help="where the home is made and removed")
    return parser.parse_args()


def _published(settings: Settings, key: str, options: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    yield "publish, all segments", _child(PUBLISH, settings, "all")
    yield "publish after a run", _after_a_run(settings, key, options, options.runs)
    nothing = [_child(PUBLISH, settings, "new") for _ in range(options.repetitions)]
    yield "publish when nothing changed", _median(nothing)


def _after_a_run(settings: Settings, key: str, options: argparse.Namespace, place: int) -> Figures:
    more = []
    for repetition in range(options.repetitions):
        copy_run(settings, key, place + repetition)
        more.append(_child(PUBLISH, settings, "new"))
    return _median(more)


def _asked(settings: Settings, options: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    pages = "".join((PROJECT / name).read_text("utf-8") for name in ("README.md", "docs/sql.md"))
    written = re.findall(r'^    docmind sql "(.+?)"|```sql\n(.+?)```', pages, re.MULTILINE | re.DOTALL)
    questions = [*(one or other for one, other in written), *(f"from {view.name}" for view in VIEWS)]
    newest = "(select max(benchmark_run) from runs)"
    [[key]] = query_rows(settings, f"select {newest}")[1]
    # A recipe names the runs of its example.
    questions = [re.sub(r"\d{8}T\d{6}Z-[a-z_-]+-[0-9a-f]{4}(?=\.)", str(key), question) for question in questions]
    views = [view.name for view in VIEWS if "benchmark_run" in view.columns and view.name != "open_alerts"]
    questions += [f"from {name} where benchmark_run = {newest}" for name in views]
    [[until]] = query_rows(settings, "select max(timestamp) at time zone 'UTC' from agent_executions")[1]
    questions += [f"from report_period({hours}, until := '{until}'::timestamp)" for hours in (24, 24 * 30)]
    answers = [_child(ASK, settings, given=json.dumps(questions)) for _ in range(options.repetitions)]
    for question in questions:
        shown = textwrap.shorten(question, 90, placeholder=" ...").replace("|", "\\|")
        yield f"`{shown}`", _median([answer[question] for answer in answers])


def _commands(settings: Settings, key: str, options: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    for words in (["runs"], ["report", key]):
        yield f"`docmind {words[0]}`", _median([_command(settings, words) for _ in range(options.repetitions)])


def _command(settings: Settings, words: list[str]) -> Figures:
    environment = child_environment(DOCMIND_HOME=str(settings.home))
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "dagster_project.cli", *words], stdout=subprocess.DEVNULL, env=environment, cwd=PROJECT
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"docmind {' '.join(words)} ended with {process.returncode}")
    wall = time.perf_counter() - began
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime}


def _child(code: str, settings: Settings, *arguments: str, given: str | None = None) -> Any:
    command = [sys.executable, "-c", PEAK + code, str(settings.home), *arguments]
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True, cwd=PROJECT)
    return json.loads(done.stdout)


def _median(figures: list[Figures]) -> Figures:
    return {name: median(one[name] for one in figures) for name in figures[0]}


if __name__ == "__main__":
    main()
