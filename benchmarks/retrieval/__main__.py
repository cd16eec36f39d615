"""Reproduce the retrieval anchors: python -m benchmarks.retrieval --strategy all --unit both."""

import argparse
import resource
import shutil
import sys
import time
from pathlib import Path

from benchmarks.retrieval.anchors import ANCHORS, METRICS, accepted_range
from benchmarks.retrieval.measuring import Result, measure, open_searchers
from docmind_core.errors import DocMindError
from docmind_core.query_sets.readers import read_query_set
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC
from docmind_core.settings import child_environment, load_settings

PROJECT = Path(__file__).resolve().parent.parent.parent
STRATEGIES = {"keyword": [KEYWORD], "semantic": [SEMANTIC], "hybrid": [HYBRID], "all": [KEYWORD, SEMANTIC, HYBRID]}
UNITS = {"doc": ["doc"], "chunk": ["chunk"], "both": ["doc", "chunk"]}


def main() -> int:
    """Print a table per query set, unit and strategy; 0 when every nDCG@10 is inside its rule, else 1."""
    options = parse_arguments()
    folder = load_settings().indexes / "benchmarks"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    outside = 0
    for name in options.sets.split(","):
        query_set = read_query_set(options.data / name)
        for unit in UNITS[options.unit]:
            started_s = time.perf_counter()
            searchers, units = open_searchers(query_set, unit, STRATEGIES[options.strategy], folder)
            print(f"{name}, {units:,} units ({unit}), index ready after {time.perf_counter() - started_s:.1f} s")
            for strategy in STRATEGIES[options.strategy]:
                result = measure(searchers[strategy], query_set.queries, units)
                outside += not print_table(name, unit, strategy, result)
    print(f"\nmost memory that this process held: {peak_mib():,.0f} MiB")
    print("all inside the rule" if not outside else f"{outside} outside the rule")
    return 1 if outside else 0


def parse_arguments() -> argparse.Namespace:
    data = child_environment().get("DOCMIND_TEST_DATA") or PROJECT.parent / "shared" / "data"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--strategy", choices=STRATEGIES, default="keyword", help="keyword alone takes seconds")
    parser.add_argument("--unit", choices=UNITS, default="both", help="whole documents, or chunks of 200 tokens")
    parser.add_argument("--sets", default="hotpotqa,clapnq", help="folders of query sets, with commas")
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the query sets (or DOCMIND_TEST_DATA)")
    parser.add_argument("--fresh", action="store_true", help="build the indexes again")
    return parser.parse_args()


def print_table(name: str, unit: str, strategy: str, result: Result) -> bool:
    """Print our figures next to the anchor's; False when nDCG@10 breaks its rule."""
    anchor = ANCHORS.get((name, unit, strategy))
    accepted = accepted_range(name, unit, strategy)
    print(f"\n{name} {unit} {strategy}: {result.search_ms:.1f} ms per search (median)")
    print(f"  {'metric':<10} {'ours':>7} {'anchor':>7}  rule")
    inside = True
    for metric in METRICS:
        figure = result.figures[metric]
        expected = anchor.figures[metric] if anchor else None
        verdict = ""
        if metric == "ndcg@10" and accepted is None:
            verdict = "no anchor"
        elif metric == "ndcg@10" and accepted is not None:
            low, high, rule = accepted
            inside = low <= figure <= high
            verdict = f"{'inside' if inside else 'OUTSIDE'} {low:.3f} to {high:.3f} ({rule})"
        print(f"  {metric:<10} {figure:>7.3f} {'-' if expected is None else f'{expected:.3f}':>7}  {verdict}".rstrip())
    return inside


def peak_mib() -> float:
    """Return the most memory that this process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DocMindError as error:
        sys.exit(str(error))
