"""Run one arm twice, in blocks, and print what its times are called: python -m benchmarks.aa_blocks."""

import argparse
import sys
import tempfile
from pathlib import Path

from dagster_project.suite_changes import changed_suite
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.noise_floor import measure_noise
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import CLOCK_METRICS, compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows

LEDGER = "select run_id, state, prompt_difference, completion_difference from ledger_balance order by all"
TIMES = (
    "select metric, n, clusters, baseline_value, candidate_value, delta, delta_low, delta_high, p_holm, verdict "
    f"from comparisons where metric in {CLOCK_METRICS} order by metric"
)
NOISE = (
    "select metric, n, clusters, first_value, difference, standard_deviation, floor_high, changed_ratio, flip_ratio "
    "from noise_floor where metric in ('wall_s', 'ttft_s', 'tpot_s', 'coordination_overhead_s', 'billed_tokens') "
    "order by metric"
)
BLOCKS = (
    "select block, avg(wall_s) filter (where arm not like '%.again') as first_s, "
    "avg(wall_s) filter (where arm like '%.again') as again_s "
    "from query_runs join runs using (run_id) where phase = 'measured' group by block order by block"
)


def main() -> int:
    """Run, print the tables, and return 0 when the ledger balances and no time is called better or worse."""
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=(options.home or Path(folder) / "home").absolute())
        settings.home.mkdir(parents=True, exist_ok=True)
        suite = changed_suite(
            Suite(name="aa", query_set="python-reference", engine=options.engine, deadline_s=900.0),
            {"aa": options.arm, "limit": options.limit, "concurrency": options.concurrency},
        ).model_copy(update={"blocks": options.blocks})
        key = freeze_benchmark_run(suite, settings)
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=Lines())
        score_benchmark_run(settings, key, load_query_set(suite.query_set))
        compare_arms(settings, key, suite)
        compare_times(settings, key)
        measure_noise(settings, key)
        publish(settings)
        verdicts = [row[-1] for row in shown(settings, TIMES)]
        shown(settings, NOISE)
        shown(settings, BLOCKS)
        states = {row[1] for row in shown(settings, LEDGER)}
    moved = [verdict for verdict in verdicts if verdict in {"better", "worse"}]
    print(f"{len(moved)} of {len(verdicts)} times moved; ledger: {', '.join(sorted(map(str, states)))}")
    return 1 if moved or states != {"balanced"} else 0


class Lines(SilentObserver):
    """Prints what happens."""

    def announce(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)


def shown(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Print the rows of one question as a table of Markdown and return them."""
    names, rows = query_rows(settings, sql)
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print("|", " | ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row), "|")
    return rows


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", default="single_pass")
    parser.add_argument("--limit", type=int, default=24, help="queries")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--engine", default="cpu-smollm2", help="profile, or URL of a running engine")
    parser.add_argument("--home", type=Path, help="keep the home there, the prepared model in it; else a temporary one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
