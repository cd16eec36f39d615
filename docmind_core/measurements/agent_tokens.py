"""What each agent of one arm was billed for, query by query."""

from collections import defaultdict

import numpy as np

from docmind_core.measurements.arm_values import ArmValues, QueryValues
from docmind_core.tables.segments import read_columns

_OF_CALLS = ("query_id", "replicate", "agent", "phase", "role", "billed_tokens", "tokens_missing_because")


def billed_by_agent(run: ArmValues) -> dict[str, QueryValues]:
    """Return the billed tokens of each agent, a value per query: the mean over its replicates.

    An agent that was not called for a query cost nothing there. A value is unknown where the usage of one call is.
    """
    calls = read_columns(run.folder, "llm_calls", run.run_id, _OF_CALLS)
    keys = zip(run.rows["query_id"], run.rows["replicate"], strict=True)
    row_of = {key: at for at, key in enumerate(keys)}
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(row_of)))
    reasons: dict[str, dict[int, str]] = defaultdict(dict)
    for query, replicate, agent, phase, role, billed, because in zip(*calls.values(), strict=True):
        at = row_of.get((query, replicate))
        if at is None or phase == "warmup" or role == "judge":
            continue
        name = str(agent or "unknown")
        if isinstance(billed, int):
            sums[name][at] += billed
        else:
            sums[name][at] = np.nan
            reasons[name][int(run.places[at])] = str(because or "no_usage")
    asked = np.ones(len(run.queries), dtype=bool)
    return {
        name: QueryValues(values=run.mean(values), asked=asked, reasons=reasons[name])
        for name, values in sorted(sums.items())
    }
