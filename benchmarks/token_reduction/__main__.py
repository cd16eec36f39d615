"""Measure the guide's headline under each routing rule and write docs/token-reduction.md.

    .venv/bin/python -m benchmarks.token_reduction                # runs what has not been run yet, then writes the page
    .venv/bin/python -m benchmarks.token_reduction --engine http://gpu-server:8000 --model my-model

Each rule is one benchmark run in `DOCMIND_HOME` (default `.docmind`). A rule whose run is finished is not run again,
and an interrupted one goes on where it stopped. On two slow cores the embedded engine takes about an hour for all.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.token_reduction.page import RoutingResult, page_text
from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.runs.frozen_suite import BenchmarkRunState, list_benchmark_runs, read_frozen_suite
from docmind_core.settings import Settings, load_settings
from docmind_core.suites.suite import Suite, load_suite
from docmind_core.tables.reading import query_rows

PROJECT = Path(__file__).resolve().parents[2]
SUITE = Path(__file__).with_name("suite.yaml")
PAGE = PROJECT / "docs" / "token-reduction.md"
ROUTINGS = ("dependencies", "fixed", "free")

ARMS = """
select
    e.arm, e.n_queries, e.calls / e.n_query_runs as calls_per_query, e.prompt_tokens, e.completion_tokens,
    e.missing_because, e.reduction_pct, e.reduction_low, e.reduction_high, e.claimable, e.claimable_because,
    e.single_pass_ratio, e.single_pass_ratio_low, e.single_pass_ratio_high,
    p.value as passed_ratio, p.n_defined as passed_n, q.value as token_f1, l.state as ledger, r.passages_read
from token_efficiency as e
left join quality_summary as p on p.run_id = e.run_id and p.metric = 'passed' and p.query_type = 'all'
left join (
    select run_id, avg(json_array_length(passages)) as passages_read from query_runs
    where coalesce(phase, 'measured') <> 'warmup' group by run_id
) as r on r.run_id = e.run_id
left join quality_summary as q on q.run_id = e.run_id and q.metric = 'token_f1' and q.query_type = 'all'
left join (select run_id, string_agg(state, ', ') as state from ledger_balance group by run_id) as l
    on l.run_id = e.run_id
where e.agent = 'all' and e.benchmark_run = $benchmark_run
order by e.prompt_tokens + e.completion_tokens
"""
RAN = """
select benchmark_run, model, plumbing, engine_version, engine_managed, query_set, level, git_sha, git_dirty,
    min(started_at) as started_at, max(ended_at) as ended_at
from runs where benchmark_run = $benchmark_run group by all limit 1
"""

PROMPTS = "select distinct prompt_hash from runs where benchmark_run = $benchmark_run"


def main() -> int:
    """Run the missing benchmark runs, then write the page; 1 when one of them did not finish."""
    options = parse_arguments()
    settings = load_settings()
    results = []
    for routing in ROUTINGS:
        wanted = wanted_suite(routing, options)
        run = newest_run(settings, wanted)
        if run is None or not run.finished:
            bench(routing, options, run)
            run = newest_run(settings, wanted)
        if run is None or not run.finished:
            print(f"routing {routing} did not finish; start this command again to go on", file=sys.stderr)
            return 1
        key = run.benchmark_run
        results.append(
            RoutingResult(routing=routing, ran=asked(settings, RAN, key)[0], arms=asked(settings, ARMS, key))
        )
    PAGE.write_text(page_text(results), "utf-8")
    print(PAGE)
    return 0


def wanted_suite(routing: str, options: argparse.Namespace) -> Suite:
    """Return the suite that the options ask for, under one rule."""
    suite = load_suite(str(SUITE))
    changes = {"routing": routing, "limit": options.limit, "engine": options.engine, "model": options.model}
    return suite.model_copy(update={name: value for name, value in changes.items() if value is not None})


def newest_run(settings: Settings, wanted: Suite) -> BenchmarkRunState | None:
    """Return the newest benchmark run of exactly this suite and these prompts: others have other figures."""
    for run in sorted(list_benchmark_runs(settings), key=lambda run: run.benchmark_run, reverse=True):
        is_named_so = run.suite == wanted.name and run.unreadable is None
        if (
            is_named_so
            and read_frozen_suite(settings, run.benchmark_run) == wanted
            and _has_these_prompts(settings, run)
        ):
            return run
    return None


def _has_these_prompts(settings: Settings, run: BenchmarkRunState) -> bool:
    """An unfinished run is asked when it goes on: nothing is resumed with other prompts."""
    if not run.finished:
        return True
    return asked(settings, PROMPTS, run.benchmark_run) == [{"prompt_hash": prompt_hash()}]


def bench(routing: str, options: argparse.Namespace, unfinished: BenchmarkRunState | None) -> None:
    """Run one rule, or go on with its run."""
    command = [sys.executable, "-m", "dagster_project.cli", "bench", str(SUITE)]
    if unfinished is not None:
        command += ["--resume", unfinished.benchmark_run]
    else:
        command += ["--routing", routing, "--limit", str(options.limit)]
        command += [
            part for name in ("engine", "model") if (value := getattr(options, name)) for part in (f"--{name}", value)
        ]
    subprocess.run(command, cwd=PROJECT, check=False)


def asked(settings: Settings, sql: str, benchmark_run: str) -> list[dict[str, Any]]:
    """Return the rows of one benchmark run by column name."""
    columns, found = query_rows(settings, sql, {"benchmark_run": benchmark_run})
    return [dict(zip(columns, row, strict=True)) for row in found]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the guide's headline and write docs/token-reduction.md.")
    parser.add_argument("--limit", type=int, default=40, help="queries of python-reference (default 40)")
    parser.add_argument("--engine", help="URL of a running vLLM server; default: the embedded engine")
    parser.add_argument("--model", help="model to ask for, where the server has several")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
