"""Measure the guide's headline under each routing rule and write docs/token-reduction.md.

    .venv/bin/python -m benchmarks.token_reduction                # runs what has not been run yet, then writes the page
    .venv/bin/python -m benchmarks.token_reduction --engine http://gpu-server:8000 --model my-model --limit 300

Each rule is one benchmark run in `DOCMIND_HOME` (default `.docmind`). A rule whose run is finished is not run again,
and an interrupted one continues where it stopped. `--routing RULE` runs one rule alone and writes no page.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.token_reduction.page import RoutingResult, page_text
from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.opponents import budget_sentence, opponents_table
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.run_states import BenchmarkRunState, list_benchmark_runs
from docmind_core.settings import Settings, load_settings
from docmind_core.suites.suite import Suite, load_suite
from docmind_core.tables.reading import query_rows

PROJECT = Path(__file__).resolve().parents[2]
SUITE = Path(__file__).with_name("suite.yaml")
PAGE = PROJECT / "docs" / "token-reduction.md"
ROUTINGS = ("dependencies", "fixed", "free")

ARMS = """
select
    runs.arm, q.n_queries, q.calls_per_query, q.tokens_per_query, q.passages_read, q.missing_because,
    e.n_compared, e.reduction_pct, e.reduction_low, e.reduction_high, e.claimable, e.claimable_because,
    e.single_pass_ratio, e.single_pass_ratio_low, e.single_pass_ratio_high,
    p.value as passed_ratio, a.value as contained_ratio, l.state as ledger,
    c.baseline_value as passed_of_baseline, c.delta as passed_delta, c.delta_low as passed_low,
    c.delta_high as passed_high
from runs
join (
    select
        run_id, count(distinct query_id) as n_queries, avg(calls) as calls_per_query,
        if(count(*) = count(billed_tokens), avg(billed_tokens), null) as tokens_per_query,
        min(tokens_missing_because) as missing_because, avg(json_array_length(passages)) as passages_read
    from query_runs where coalesce(phase, 'measured') <> 'warmup' group by run_id
) as q using (run_id)
left join token_efficiency as e on e.run_id = runs.run_id and e.agent = 'all'
left join quality_summary as p on p.run_id = runs.run_id and p.metric = 'passed' and p.query_type = 'all'
left join quality_summary as a on a.run_id = runs.run_id and a.metric = 'answer_contained' and a.query_type = 'all'
left join comparisons as c on c.candidate_run_id = runs.run_id and c.metric = 'passed' and c.agent = 'all'
    and c.slice = 'all' and c.baseline_run_id = $benchmark_run || '.naive_supervisor'
left join (select run_id, string_agg(state, ', ') as state from ledger_balance group by run_id) as l
    on l.run_id = runs.run_id
where runs.benchmark_run = $benchmark_run
order by tokens_per_query
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
    for routing in ROUTINGS if options.routing is None else (options.routing,):
        wanted = wanted_suite(routing, options)
        run = newest_run(settings, wanted)
        if (run is None or not run.finished) and not options.finished:
            bench(routing, options, run)
            run = newest_run(settings, wanted)
        if (run is None or not run.finished) and options.finished:
            continue
        if run is None or not run.finished:
            print(f"routing {routing} did not finish; start this command again to continue", file=sys.stderr)
            return 1
        results.append(read_result(settings, routing, run.benchmark_run))
    if options.routing is None and results:
        PAGE.write_text(page_text(results), "utf-8")
        print(PAGE)
    return 0


def read_result(settings: Settings, routing: str, benchmark_run: str) -> RoutingResult:
    """Read what the page says of one rule."""
    records = read_benchmark(settings, benchmark_run)
    return RoutingResult(
        routing=routing,
        ran=asked(settings, RAN, benchmark_run)[0],
        arms=asked(settings, ARMS, benchmark_run),
        opponents=opponents_table(records),
        budget=budget_sentence(records),
    )


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
    """An unfinished run is checked when it continues: nothing is resumed with other prompts."""
    if not run.finished:
        return True
    return asked(settings, PROMPTS, run.benchmark_run) == [{"prompt_hash": prompt_hash()}]


def bench(routing: str, options: argparse.Namespace, unfinished: BenchmarkRunState | None) -> None:
    """Run one rule, or continue its run."""
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
    parser.add_argument("--limit", type=int, default=20, help="questions of facts (default 20)")
    parser.add_argument("--routing", choices=ROUTINGS, help="run this rule alone, and write no page")
    parser.add_argument("--finished", action="store_true", help="run nothing: write the page of the finished rules")
    parser.add_argument("--engine", help="URL of a running vLLM server; default: the embedded engine")
    parser.add_argument("--model", help="model to ask for, where the server has several")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
