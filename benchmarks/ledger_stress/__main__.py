"""How many planted booking errors the ledger finds, and how often it cries wolf: python -m benchmarks.ledger_stress."""

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.ledger_stress.planting import Found, one_run, prepare
from benchmarks.ledger_stress.runs import TROUBLES

FOUND_MIN = 0.95
MUST_BE_FOUND = ("booking doubled", "booking dropped")


def main() -> int:
    """Print both tables; 0 when nothing cried wolf and doubled and dropped bookings were found."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    given = options.parse_args()
    states: dict[str, Counter[str]] = {trouble.name: Counter() for trouble in TROUBLES}
    found: Found = {}
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), initializer=prepare) as pool:
        for number, (name, seen, planted) in enumerate(
            pool.map(one_run, [(given.seed, number) for number in range(given.runs)]), start=1
        ):
            states[name].update(seen)
            for place, counts in planted.items():
                found.setdefault(place, Counter()).update(counts)
            print(f"\r{number}/{given.runs}", end="", file=sys.stderr, flush=True)
    return _report(given.runs, states, found)


def _report(runs: int, states: dict[str, Counter[str]], found: Found) -> int:
    print(f"\n\n{runs} runs\n\n| disturbance | engine sessions, by state | false alarms |\n|---|---|---|")
    wrong = 0
    for name, counts in states.items():
        alarms = {state: count for state, count in counts.items() if state.startswith("WRONG")}
        wrong += sum(alarms.values())
        right = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if state not in alarms)
        print(f"| {name} | {right} | {alarms or 0} |")
    print("\n| planted | next to | planted in | found | masked | found without the count of requests |")
    print("|---|---|---|---|---|---|")
    missed = []
    for (fault, trouble), counts in sorted(found.items()):
        share = counts["found"] / counts["planted"]
        without = counts["found without the count of requests"]
        print(
            f"| {fault} | {trouble} | {counts['planted']} | {counts['found']} ({share:.1%}) "
            f"| {counts['planted'] - counts['found']} | {without} |"
        )
        if fault in MUST_BE_FOUND and share < FOUND_MIN:
            missed.append(f"{fault} next to {trouble}")
    print(f"\n{wrong} false alarms or wrong states; below {FOUND_MIN:.0%}: {', '.join(missed) or 'none'}")
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
