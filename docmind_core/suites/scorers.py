"""The scorers that a suite names under `metrics:`, loaded and checked. This runs the user's code."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from docmind_core.errors import SuiteError, UsageError
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limits import LIMITS, MINIMUM_SUFFIX, find_limit
from docmind_core.metrics.metric import SCORER_DEADLINE_S, Metric
from docmind_core.plugins import load_plugin, reader_of
from docmind_core.suites.own_metrics import OwnMetric, reference_of
from docmind_core.suites.suite import Suite, limit_problems_of

_DECLARED = ("name", "unit", "range", "better", "definition", "missing")
DEADLINE_S_MAX = 86_400
_READS_LIKE_A_LIMIT = re.compile(rf"_p\d+(_|$)|{MINIMUM_SUFFIX}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScorer:
    """A scorer, and what it says of its metric."""

    own: OwnMetric
    score: Any
    """Called with a query and its run; what it returns is not trusted."""
    deadline_s: float
    """Longest that one call may take."""


def load_scorer(reference: str) -> LoadedScorer:
    """Load one scorer.

    Raises:
        UsageError: In one line, if it can't be loaded, is not a scorer, or says of its metric what can't be.
    """
    plugin = load_plugin(reference)
    found, metric = plugin.loaded, getattr(plugin.loaded, "metric", None)
    if not callable(found) or isinstance(found, type) or not isinstance(metric, Metric):
        raise UsageError(
            f"{reference} is not a scorer. Put @scorer(...) above the function: "
            "from docmind_core.measurements.records import scorer"
        )
    if inspect.iscoroutinefunction(getattr(found, "formula", found)):
        raise UsageError(f"{reference} is an async function; a scorer must return its number directly")
    if problem := _taken(metric.name):
        raise UsageError(f"{reference}: {problem}")
    declared = {name: getattr(metric, name) for name in _DECLARED}
    given = {"scorer": reference, "sha256": plugin.sha256, "version": getattr(found, "version", None)}
    try:
        own = OwnMetric.model_validate(given | declared)
    except ValidationError as error:
        raise UsageError(f"{reference}: {'; '.join(_problems(error))}") from error
    return LoadedScorer(own=own, score=found, deadline_s=_deadline_of(found, reference))


def _deadline_of(found: Any, reference: str) -> float:
    seconds = getattr(found, "deadline_s", SCORER_DEADLINE_S)
    if not isinstance(seconds, int | float) or not 0 < seconds <= DEADLINE_S_MAX:
        raise UsageError(f"{reference}: deadline_s must be a number of seconds above 0 and at most {DEADLINE_S_MAX:,}")
    return float(seconds)


def plugin_hashes(suite: Suite) -> dict[str, str]:
    """Return by reference the sha256 of the user's code that a suite names, as it is now, or `not loadable`."""
    readers = [reader[0] for named in suite.query_sets if (reader := reader_of(named))]
    references = [*map(reference_of, suite.metrics), *readers]
    return {reference: _hash_now(reference) for reference in references}


def _hash_now(reference: str) -> str:
    try:
        return load_plugin(reference).sha256
    except UsageError:
        return "not loadable"


def with_own_metrics(suite: Suite) -> Suite:
    """Return a suite with what its scorers say of their metrics; limits on these are checked.

    Raises:
        SuiteError: With every problem, `field: problem` a line: a scorer that can't be loaded, two of one metric, a
            limit that does not exist or decides nothing.
    """
    problems: list[str] = []
    metrics: dict[str, OwnMetric] = {}
    for at, reference in enumerate(map(reference_of, suite.metrics)):
        try:
            own = load_scorer(reference).own
            if (first := metrics.setdefault(own.name, own)) is not own:
                problems.append(f"metrics.{at}: {first.scorer} already measures {own.name}; keep only one of them")
        except UsageError as error:
            problems.append(f"metrics.{at}: {error}")
    defined = suite.model_copy(update={"metrics": tuple(metrics.values())})
    if metrics and not problems:
        problems += [f"{'.'.join(place)}: {problem}" for place, problem in limit_problems_of(defined)]
    if problems:
        raise SuiteError("\n".join(problems))
    return defined


def _taken(name: object) -> str | None:
    if not isinstance(name, str):
        return "the metric has no name"
    if name in METRICS or name in LIMITS or find_limit(name):
        return f"{name} is a metric of the catalogue (docs/metrics.md); give yours another name"
    if _READS_LIKE_A_LIMIT.search(name):
        return f"{name} reads like a limit; a name can't end in {MINIMUM_SUFFIX} or contain _p95"
    return None


def _problems(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in problem["loc"])
        yield f"{field}: {problem['msg'].removeprefix('Value error, ')}"
