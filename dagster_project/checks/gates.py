"""The two gates before the report: they sit on the database and stop what hangs on it, in the same run."""

from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg

from dagster_project.assets.metrics import metrics_database
from dagster_project.metadata import table_of
from dagster_project.resources import StoreResource
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.tables.gates import ArmCount, LedgerRow, arm_counts, ledger_rows


@dg.asset_check(asset=metrics_database, blocking=True)
def ledger_balanced(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """No engine session counted other tokens than our own books, unless a named cause explains it."""
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
    """Every arm of the suite has a row for each query that it had to answer; failed queries have rows too."""
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
    missing = [f"{arm}: no rows at all" for arm in expected_arms if arm not in found]
    missing.extend(
        f"{arm.arm}: {arm.query_runs} of {arm.expected_queries} queries"
        for arm in arms
        if arm.expected_queries is None or arm.query_runs != arm.expected_queries
    )
    return missing


def _difference(row: LedgerRow) -> str:
    return (
        f"{row.run_id}: ours {row.ledger_prompt_tokens} prompt and {row.ledger_completion_tokens} completion tokens, "
        f"the engine's {row.engine_prompt_tokens} and {row.engine_completion_tokens}; {row.because}"
    )


def _states(rows: Sequence[LedgerRow]) -> str:
    states = [row.state for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no engine session"
