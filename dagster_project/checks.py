"""The checks: two gates, which stop the report of the same run, and one per limit, which warns and stops nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import dagster as dg

from dagster_project.alert_metadata import limit_check_result
from dagster_project.assets.metrics import limits, metrics_database
from dagster_project.metadata import table_of
from dagster_project.resources import StoreResource
from docmind_core.measurements.limit_results import read_limit_results, worst_by_limit
from docmind_core.metrics.limits import LIMITS
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.tables.gates import ArmCount, LedgerRow, arm_counts, ledger_rows

OTHERS = "limits_on_other_metrics"
"""A suite may limit any metric, and the names of checks are fixed: one check for all that have none of their own."""
_SPECS = [
    *(
        dg.AssetCheckSpec(f"limit_{name}", asset=limits.key, description=f"Limit {name}, judged by its 95 % interval.")
        for name in LIMITS
    ),
    dg.AssetCheckSpec(OTHERS, asset=limits.key, description="The suite's limits on all other metrics."),
]


@dg.asset_check(asset=metrics_database, blocking=True)
def ledger_balanced(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Every engine session's token counts equal the ledger, unless a named cause explains the difference."""
    return judge_ledger(ledger_rows(store.settings(), context.partition_key))


def judge_ledger(rows: Sequence[LedgerRow]) -> dg.AssetCheckResult:
    """Fail when a session is unbalanced, and show all of them."""
    unbalanced = [row for row in rows if row.state == "unbalanced"]
    return dg.AssetCheckResult(
        passed=not unbalanced,
        description="; ".join(_difference(row) for row in unbalanced) or _states(rows),
        metadata={"ledger": table_of([asdict(row) for row in rows]), "unbalanced_sessions": len(unbalanced)},
    )


@dg.asset_check(asset=metrics_database, blocking=True)
def run_complete(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Every arm of the suite has a row for each of its queries, failed ones included."""
    suite = read_frozen_suite(store.settings(), context.partition_key)
    return judge_completeness(suite.arms, arm_counts(store.settings(), context.partition_key))


def judge_completeness(expected_arms: Sequence[str], arms: Sequence[ArmCount]) -> dg.AssetCheckResult:
    """Fail when an arm or a query is missing, and show the counts of all arms."""
    missing = _missing(expected_arms, arms)
    return dg.AssetCheckResult(
        passed=not missing,
        description="; ".join(missing) or f"{len(arms)} arms, {sum(arm.query_runs for arm in arms)} query runs",
        metadata={"arms": table_of([asdict(arm) for arm in arms]), "incomplete_arms": len(missing)},
    )


def _missing(expected_arms: Sequence[str], arms: Sequence[ArmCount]) -> list[str]:
    found = {arm.arm: arm for arm in arms}
    missing = [f"{arm}: no rows" for arm in expected_arms if arm not in found]
    missing.extend(
        f"{arm.arm}: {arm.query_runs} of {arm.expected_queries} queries"
        for arm in arms
        if arm.expected_queries is None or arm.query_runs != arm.expected_queries
    )
    return missing


def _difference(row: LedgerRow) -> str:
    return (
        f"{row.run_id}: the ledger has {row.ledger_prompt_tokens} prompt and "
        f"{row.ledger_completion_tokens} completion tokens, "
        f"the engine counted {row.engine_prompt_tokens} and {row.engine_completion_tokens}; {row.because}"
    )


def _states(rows: Sequence[LedgerRow]) -> str:
    states = [row.state for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no engine sessions"


# can_subset: a check without a result is skipped, neither green nor red, as a limit that is not set should be.
@dg.multi_asset_check(specs=_SPECS, can_subset=True, name="limit_checks")
def limit_checks(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
    """Value, bound, interval and n of each limit that is set, or the reason data is missing."""
    settings, key = store.settings(), context.partition_key
    results = read_limit_results(settings.tables, key, read_frozen_suite(settings, key))
    judged = worst_by_limit(results)
    for check in (key.name for key in context.selected_asset_check_keys):
        names = [name for name in judged if check == (f"limit_{name}" if name in LIMITS else OTHERS)]
        if names:
            of_check = [result for result in results if result.limit.name in names]
            yield limit_check_result(of_check, asset_key=limits.key, check_name=check)
