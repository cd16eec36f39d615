"""Checking the systems of a suite without measuring them: the engine is opened, and each gets one question."""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from docmind_core.errors import UsageError
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.retrieval.index import open_index
from docmind_core.runs.frozen_suite import check_suite
from docmind_core.runs.input_check import engine_request
from docmind_core.runs.interrupts import run_interruptibly
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.system_probe import ProbedSystem, Probing, probe_system
from docmind_core.serving.engine import open_engine
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.serving.replicas import ReplicaClients
from docmind_core.settings import Settings
from docmind_core.suites.plain_values import places_at_first
from docmind_core.suites.suite import Suite


def on_engine(suite: Suite, changes: Mapping[str, object]) -> Suite:
    """Return the suite with another engine, model or name of the key's variable, as the command line says.

    Raises:
        UsageError: If one of them is not valid.
    """
    try:
        return Suite.model_validate({**suite.model_dump(), **changes})
    except ValidationError as error:
        problems = (f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise UsageError("; ".join(problems).replace("Value error, ", "")) from error


def check_systems(settings: Settings, suite: Suite, announce: Callable[[str], None]) -> tuple[ProbedSystem, ...]:
    """Ask each system of a suite one question and return what was seen.

    Raises:
        UsageError: If the suite has no systems, or names what is not there.
        EngineError: If the engine can't be started or reached.
    """
    if not suite.systems:
        raise UsageError(
            f"suite {suite.name} has no systems. Add yours: systems: {{my_agents: {{graph: ./my_graph.py:graph}}}}"
        )
    check_suite(suite)
    query_set = load_query_set(suite.query_set)
    index = open_index(
        query_set.documents,
        folder=settings.indexes,
        strategies=suite.searched_strategies,
        announce=announce,
        language=suite.language,
    )
    with open_engine(engine_request(suite), settings, announce) as connection:
        inputs = RunInputs(
            benchmark_run="check",
            suite=suite,
            query_set=query_set,
            index_hash=index.index_hash,
            connection=connection,
            dagster_run_id=None,
        )
        return run_interruptibly(_probed(Probing(settings=settings, inputs=inputs, index=index)))


async def _probed(probing: Probing) -> tuple[ProbedSystem, ...]:
    suite = probing.inputs.suite
    async with (
        ReplicaClients(probing.inputs.connection, in_flight=places_at_first(suite.concurrency)) as replicas,
        RecordingProxy(*replicas.clients) as proxy,
    ):
        return tuple([await probe_system(probing, proxy, name) for name in suite.systems])
