"""Checking a suite or a query set without running anything, and what a suite needs of this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from docmind_core.errors import DocMindError, RetrievalError, SuiteError, UsageError
from docmind_core.plugins import reader_of
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.formats import describe_file, describe_folder
from docmind_core.query_sets.normalising import vanishes
from docmind_core.query_sets.problems import shown
from docmind_core.query_sets.queries import QuerySet
from docmind_core.query_sets.readers import read_query_set
from docmind_core.retrieval.encoder_files import INSTALL, missing_packages, weights_file
from docmind_core.runs.blocks import plan_problems
from docmind_core.serving.engine import EngineRequest, require_vllm
from docmind_core.serving.profiles import engine_profile
from docmind_core.settings import Settings, load_settings, read_secret
from docmind_core.suites.executor import read_executor
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.suites.plain_yaml import read_plain_yaml
from docmind_core.suites.scorers import with_own_metrics
from docmind_core.suites.suite import Suite, bundled_suite_names, load_suite, suite_text
from docmind_core.suites.suite_problems import NOT_GIVEN, PROBLEMS_SHOWN_MAX

_GOLDS_NAMED = 5
KEYWORD_SEARCH = "keyword_search"
INSTALL_RAY = ".venv/bin/pip install -c constraints.txt -e '.[ray]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedInput:
    """The result of a check without problems."""

    summary: str
    notices: tuple[str, ...] = ()
    """Notes that are not problems, one line each."""


def check_input(path: str, *, check_schedule: Callable[[Suite], object] | None = None) -> CheckedInput:
    """Check the query set in the folder `path`, or the suite in the file `path` or bundled under that name.

    Args:
        path: Where it is.
        check_schedule: Raises `SuiteError` when nothing can run by the schedule of a suite that has one.

    Raises:
        UsageError: If there is neither.
        QuerySetError: With every problem found, one a line.
        SuiteError: The same; what the suite names (arms, limits, engine profile, query set) is checked too.
    """
    try:
        is_folder, is_there = Path(path).is_dir(), Path(path).exists()
    except OSError as error:
        hint = " Grant yourself access to its parent folders." if isinstance(error, PermissionError) else ""
        raise UsageError(f"{path} can't be reached: {error.strerror}.{hint}") from error
    if is_folder:
        if described := describe_folder(Path(path)):
            raise UsageError(f"{path} is {described}")
        return checked_query_set(read_query_set(Path(path)))
    if reader_of(path) is not None:
        return checked_query_set(load_query_set(path))
    if not is_there and path not in bundled_suite_names():
        raise UsageError(f"{path} does not exist. Give the folder of a query set, or the file of a suite.")
    try:
        suite = read_suite(path)
    except SuiteError as error:
        if isinstance(error.rest, Suite):
            raise _refused([*str(error).splitlines(), *_suite_problems(error.rest, path, check_schedule)[0]]) from error
        raise
    return _check_suite(suite, path, check_schedule)


def checked_query_set(query_set: QuerySet) -> CheckedInput:
    """Describe a query set without problems."""
    notices = (*query_set.notices, *_compared_as_they_are(query_set))
    return CheckedInput(summary=_described(query_set), notices=notices)


def read_suite(name_or_path: str) -> Suite:
    """Read a suite as `load_suite` does; of a query set or another file of data say what it is.

    Raises:
        UsageError: If there is no such suite, or it is data.
        SuiteError: If the file is not a valid suite.
    """
    if name_or_path in bundled_suite_names():
        return load_suite(name_or_path)
    path = Path(name_or_path)
    try:
        is_folder = path.is_dir()
        described = describe_file(path)
    except OSError:  # load_suite says what is wrong with the path
        return load_suite(name_or_path)
    if is_folder:
        raise UsageError(
            f"{path} is a folder, not a suite. Write a suite, a YAML file with the line `query_set: {path}`."
        )
    if described:
        raise UsageError(f"{path} is {described}")
    return load_suite(name_or_path)


def _described(query_set: QuerySet) -> str:
    return (
        f"query set {query_set.name!r}: {len(query_set.documents):,} documents, {len(query_set.queries):,} queries, "
        f"hash {query_set.query_set_hash[:12]}; no problems found"
    )


def _check_suite(suite: Suite, source: str, check_schedule: Callable[[Suite], object] | None) -> CheckedInput:
    problems, query_sets, metrics = _suite_problems(suite, source, check_schedule)
    if problems:
        raise _refused(problems)
    arms = f"{len(suite.arms)} {'arm' if len(suite.arms) == 1 else 'arms'}"
    summary = f"suite {suite.name!r}: {arms} on {' and '.join(suite.query_sets)}; no problems found"
    unnormalised = (notice for found in query_sets for notice in _compared_as_they_are(found))
    measured = (f"metric {own.name}: {own.unit}, {own.range}, from {own.scorer}" for own in metrics)
    return CheckedInput(
        summary=summary, notices=(*_missing_here(suite), *_answered_alone(suite), *measured, *unnormalised)
    )


def _answered_alone(suite: Suite) -> tuple[str, ...]:
    """Name the arms that one process answers although the suite has several workers."""
    # The client of engines is imported with it.
    from docmind_core.runs.arm_switches import is_shared_out  # noqa: PLC0415

    alone = (
        [arm for arm in suite.arms if not is_shared_out(suite, arm)]
        if suite.workers > 1 or suite.executor.kind == "ray"
        else []
    )
    if not alone:
        return ()
    return (
        f"workers: {suite.workers} does not apply to {', '.join(alone)}: your own systems and arms with the lever "
        "result_cache run in a single process",
    )


def _refused(problems: Sequence[str]) -> SuiteError:
    hidden = len(problems) - PROBLEMS_SHOWN_MAX
    more = [f"... and {hidden} more"] if hidden > 0 else []
    return SuiteError("\n".join([*problems[:PROBLEMS_SHOWN_MAX], *more]))


def _suite_problems(
    suite: Suite, source: str, check_schedule: Callable[[Suite], object] | None
) -> tuple[list[str], list[QuerySet], Sequence[OwnMetric]]:
    """Return what is wrong with what a suite names, one line each, its query set, and the user's metrics."""
    # The client of engines is imported with it; a folder is checked without.
    from docmind_core.runs.suite_arms import suite_arm  # noqa: PLC0415

    problems: list[str] = []  # `key: problem`
    query_sets: list[QuerySet] = []
    metrics: Sequence[OwnMetric] = ()

    def look(field: str, check: Callable[[], object]) -> None:
        try:
            check()
        except DocMindError as error:
            problems.append(f"{field}: {error}")

    for position, arm in enumerate(suite.arms[:PROBLEMS_SHOWN_MAX]):
        look(f"arms.{position}", lambda arm=arm: suite_arm(suite, arm))  # type: ignore[misc]
    if suite.schedule is not None and check_schedule is not None:
        look("schedule", lambda: check_schedule(suite))
    if not suite.engine_is_remote:
        look("engine", lambda: engine_profile(suite.engine))
    if suite.query_set != NOT_GIVEN:
        look("query_set", lambda: query_sets.append(load_query_set(suite.query_set)))
    try:
        metrics = with_own_metrics(suite).defined_metrics
    except SuiteError as error:
        problems.extend(str(error).splitlines())
    problems.extend(problem for found in query_sets for problem in plan_problems(found.queries, suite))
    return _placed(source, problems), query_sets, metrics


def _placed(source: str, problems: Sequence[str]) -> list[str]:
    """Put the suite and, of a file, the line of each problem's key in front of it."""
    if not problems or source in bundled_suite_names():
        return [f"{source}: {problem}" for problem in problems]
    _, lines = read_plain_yaml(suite_text(Path(source)))
    keys = [problem.partition(": ")[0].split(".") for problem in problems]
    places = [lines.of([int(part) if part.isdecimal() else part for part in key]) for key in keys]
    return [f"{source}:{line}: {problem}" for line, problem in zip(places, problems, strict=True)]


def _compared_as_they_are(query_set: QuerySet) -> tuple[str, ...]:
    """Name the accepted answers of which normalising leaves nothing: their author should know how they count."""
    found = [(query.query_id, gold) for query in query_set.queries for gold in query.gold_answers if vanishes(gold)]
    if not found:
        return ()
    named = ", ".join(f"{shown(gold)} ({query_id})" for query_id, gold in found[:_GOLDS_NAMED])
    more = f" and {len(found) - _GOLDS_NAMED:,} more" if len(found) > _GOLDS_NAMED else ""
    noun = "1 accepted answer is" if len(found) == 1 else f"{len(found):,} accepted answers are"
    return (
        f"{noun} compared exactly, including case and punctuation: normalising would leave no letter or digit of "
        f"{named}{more}",
    )


def _missing_here(suite: Suite) -> tuple[str, ...]:
    """What a run would be refused for on this machine, and not on every one."""
    try:
        refuse_unready(with_executor(suite, load_settings(), source=suite))
    except DocMindError as error:
        return (str(error),)
    return ()


def with_executor(suite: Suite, settings: Settings, *, source: Suite) -> Suite:
    """Return a suite with the executor of the settings, unless `source`, the suite as its file has it, names one.

    Raises:
        SettingsError: If it can't be used with this suite.
    """
    if settings.executor is None or "executor" in source.model_fields_set:
        return suite
    executor = read_executor(settings.executor, suite.engine, suite.concurrency)
    return suite.model_copy(update={"executor": executor})


def engine_request(suite: Suite) -> EngineRequest:
    """Return which engine a suite wants."""
    return EngineRequest(engine=suite.engine, model=suite.model, api_key_env=suite.api_key_env, plumbing=suite.plumbing)


def refuse_unready(suite: Suite) -> None:
    """Refuse a suite that this installation can't run; fast enough to run on each schedule tick.

    Raises:
        SettingsError: The engine's key is not in the environment.
        EngineStartError: vLLM would have to be started, and is not installed.
        UsageError: Its shards are to be tasks of Ray, which is not installed.
        RetrievalError: The suite uses semantic search, and what that needs is not installed, or damaged.
    """
    if suite.api_key_env:
        read_secret(suite.api_key_env)
    if not suite.engine_is_remote:
        require_vllm(engine_profile(suite.engine))
    if suite.executor.kind == "ray":
        refuse_missing_ray()
    if embedding := [name for name in suite.searched_strategies if name != KEYWORD_SEARCH]:
        _refuse_missing_encoder(suite, embedding)


def refuse_missing_ray() -> None:
    """Refuse to use Ray where it is not installed.

    Raises:
        UsageError: With the line that installs it.
    """
    if find_spec("ray") is None:
        raise UsageError(f"executor: kind ray needs Ray, which is not installed here. Install it: {INSTALL_RAY}")


def _refuse_missing_encoder(suite: Suite, strategies: list[str]) -> None:
    missing = missing_packages()
    if missing:
        raise RetrievalError(
            f"suite {suite.name} searches with {', '.join(strategies)}, which requires packages that are not installed "
            f"({', '.join(missing)}). Install them: {INSTALL}; or use keyword search: "
            f"docmind bench {suite.name} --strategy {KEYWORD_SEARCH}"
        )
    weights_file()
