"""One check per limit: the number beside its bound; a breach warns and blocks nothing."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.alert_metadata import limit_check_result
from dagster_project.assets.metrics import metrics_database
from dagster_project.resources import StoreResource
from docmind_core.measurements.limit_values import measure_limits
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.suites.limits import KNOWN_LIMITS

_ASSET = metrics_database.key
_SPECS = [
    dg.AssetCheckSpec(f"limit_{name}", asset=_ASSET, description=f"The limit {name}, decided by its interval.")
    for name in KNOWN_LIMITS
]


# can_subset: a check without a result is skipped, neither green nor red. That is what a limit nobody set deserves.
@dg.multi_asset_check(specs=_SPECS, can_subset=True, name="limits")
def limit_checks(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
    """Value, bound, interval and n of each limit that is set, or why there is no data."""
    settings = store.settings()
    suite = read_frozen_suite(settings, context.partition_key)
    values = measure_limits(settings.tables, context.partition_key, suite)
    asked = {key.name for key in context.selected_asset_check_keys}
    for name in dict.fromkeys(value.name for value in values if f"limit_{value.name}" in asked):
        of_limit = [value for value in values if value.name == name]
        yield limit_check_result(name, of_limit, asset_key=_ASSET, check_name=f"limit_{name}")
