"""One check per limit: the number next to its bound; a limit that is missed warns and blocks nothing."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.alert_metadata import limit_check_result
from dagster_project.assets.metrics import limits
from dagster_project.resources import StoreResource
from docmind_core.measurements.limit_results import read_limit_results, worst_by_limit
from docmind_core.metrics.limits import LIMITS
from docmind_core.runs.frozen_suite import read_frozen_suite

OTHERS = "limits_on_other_metrics"
"""A suite may limit any metric, and the names of checks are fixed: one check for all that have none of their own."""
_SPECS = [
    *(
        dg.AssetCheckSpec(f"limit_{name}", asset=limits.key, description=f"The limit {name}, decided by its interval.")
        for name in LIMITS
    ),
    dg.AssetCheckSpec(OTHERS, asset=limits.key, description="The suite's limits on all other metrics."),
]


# can_subset: a check without a result is skipped, neither green nor red, as a limit that is not set should be.
@dg.multi_asset_check(specs=_SPECS, can_subset=True, name="limit_checks")
def limit_checks(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
    """Value, bound, interval and n of each limit that is set, or why there is no data."""
    settings, key = store.settings(), context.partition_key
    results = read_limit_results(settings.tables, key, read_frozen_suite(settings, key))
    judged = worst_by_limit(results)
    for check in (key.name for key in context.selected_asset_check_keys):
        names = [name for name in judged if check == (f"limit_{name}" if name in LIMITS else OTHERS)]
        if names:
            of_check = [result for result in results if result.limit.name in names]
            yield limit_check_result(of_check, asset_key=limits.key, check_name=check)
