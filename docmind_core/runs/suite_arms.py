"""The arms of a suite: built-in graphs and the user's systems; and whether an engine can serve them."""

from collections.abc import Callable, Sequence

from docmind_core.agents.arms import Arm, asks_for_forms, find_arm
from docmind_core.errors import UsageError
from docmind_core.runs.input_check import engine_request
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.engine import prepare_engine
from docmind_core.serving.structured_output import probe_structured_output, with_choices_it_honours
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite


def suite_arm(suite: Suite, name: str) -> Arm:
    """Return the arm of a suite called `name`.

    Raises:
        UsageError: There is none, or a system of the suite has the name of a built-in arm.
    """
    spec = suite.system(name)
    if spec is None:
        arm = find_arm(name)
        if arm.spends_as and arm.spends_as not in suite.arms:
            raise UsageError(
                f"arm {name!r} uses the token budget of {arm.spends_as} for the same query, so the run must "
                f"include it: --arms {arm.spends_as},{name}"
            )
        return arm
    first = name.removesuffix(".again")
    if is_ours(first):
        raise UsageError(f"systems.{first}: a built-in arm has this name; choose another.")
    if spec.missing_file is not None:
        raise UsageError(
            f"systems.{first}: file not found: {spec.missing_file}. Paths are relative to the suite's folder."
        )
    if spec.compared_with not in suite.systems:
        find_arm(spec.compared_with)
    return Arm(
        name=name,
        shows=f"System of this suite ({spec.kind}).",
        build=lambda: None,
        opening=lambda question, _context: question,
        of_user=True,
        compared_with=spec.compared_with,
    )


def is_ours(name: str) -> bool:
    """Whether a built-in arm has this name."""
    try:
        find_arm(name)
    except UsageError:
        return False
    return True


def admit_engine(
    suite: Suite, connection: EngineConnection, announce: Callable[[str], None] = lambda _: None
) -> EngineConnection:
    """Check that an engine supports the structured output the arms need, and return the connection adapted to it.

    Args:
        suite: With its arms and its level.
        connection: To the engine.
        announce: Called once with what the engine makes of structured output.

    Raises:
        UsageError: If the engine ignores it and an arm needs it: each of its decisions would be read as none.
    """
    arms = [suite_arm(suite, name) for name in suite.arms]
    asking = [arm.name for arm in arms if not arm.of_user and asks_for_forms(arm, suite.level)]
    if connection.managed or not asking:
        return connection
    for replica in connection.replicas:
        found = probe_structured_output(replica)
        if found.schema.honoured is False:
            raise UsageError(_refusal(suite, replica, asking, found.schema.text, found.schema.example))
        if found.schema.honoured is None:
            announce(f"structured output at {replica.base_url}: {found.schema.text}; arms that need it are run anyway")
        admitted = with_choices_it_honours(connection, found)
        if admitted is not connection:
            announce(
                f"the engine at {replica.base_url} ignores structured_outputs; choices are requested as a JSON schema"
            )
        connection = admitted
    return connection


def refuse_unfit_engine(suite: Suite, settings: Settings, announce: Callable[[str], None]) -> None:
    """Refuse, before a run is begun, an engine that does not answer or ignores what the suite's arms need.

    Raises:
        EngineError: If a remote engine does not answer, refuses the key, or serves another model.
        UsageError: As `admit_engine`.
    """
    connection = prepare_engine(engine_request(suite), settings, announce)
    if connection is not None:
        admit_engine(suite, connection)


def _refusal(suite: Suite, connection: EngineConnection, asking: Sequence[str], said: str, example: str | None) -> str:
    others = [arm for arm in suite.arms if arm not in asking] or ["single_pass"]
    return (
        f"the engine at {connection.base_url} does not follow JSON schemas ({said}, for example "
        f"{connection.redact(example or 'an empty one')}), which {', '.join(asking)} "
        f"{'needs' if len(asking) == 1 else 'need'} for every decision. "
        f"Run the arms that don't (--arms {','.join(others)}), or serve the model with structured output, as vLLM does."
    )
