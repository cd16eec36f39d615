"""What a suite needs of this machine, looked at before anything is frozen."""

from importlib.util import find_spec

from docmind_core.errors import RetrievalError, UsageError
from docmind_core.retrieval.encoder_files import INSTALL, missing_packages, weights_file
from docmind_core.serving.engine import EngineRequest, require_vllm
from docmind_core.serving.profiles import engine_profile
from docmind_core.settings import read_secret
from docmind_core.suites.suite import Suite

KEYWORD_SEARCH = "keyword_search"
INSTALL_RAY = ".venv/bin/pip install -c constraints.txt -e '.[ray]'"


def engine_request(suite: Suite) -> EngineRequest:
    """Return which engine a suite wants."""
    return EngineRequest(engine=suite.engine, model=suite.model, api_key_env=suite.api_key_env, plumbing=suite.plumbing)


def refuse_unready(suite: Suite) -> None:
    """Refuse a suite that this installation can't run; quick enough for the tick of a schedule.

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
            f"suite {suite.name} searches with {', '.join(strategies)}, which needs what is not installed here "
            f"({', '.join(missing)}). Install it: {INSTALL}; or search by words alone: "
            f"docmind bench {suite.name} --strategy {KEYWORD_SEARCH}"
        )
    weights_file()
