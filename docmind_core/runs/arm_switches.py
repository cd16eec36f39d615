"""What the levers in an arm's name switch on around its graph: the caches, and the context budget."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from docmind_core.agents.context_window import ContextWindow, CountsTokens
from docmind_core.agents.levers import Lever
from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.agents.routing_rules import ROUTING_RULES_VERSION
from docmind_core.errors import UsageError
from docmind_core.runs.cache_store import CacheStore
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.result_caches import ArmCaches, CacheFacts
from docmind_core.runs.suite_arms import suite_arm
from docmind_core.suites.suite import Suite


def context_window(inputs: RunInputs, arm: str, counts: CountsTokens | None) -> ContextWindow | None:
    """Return the context window that prompts must fit; None when the model's tokens can't be counted."""
    length = inputs.connection.max_model_len
    if counts is None or length is None:
        return None
    budget = inputs.suite.context_budget if Lever.CONTEXT_BUDGET in suite_arm(inputs.suite, arm).levers else None
    return ContextWindow(max_model_len=length, counts=counts, context_budget=budget)


def is_shared_out(suite: Suite, arm: str) -> bool:
    """Whether several workers may answer an arm: a user's system and the result caches belong to one process."""
    return suite.system(arm) is None and Lever.RESULT_CACHE not in suite_arm(suite, arm).levers


def refuse_uncounted_budgets(inputs: RunInputs, arms: Iterable[str], counts: CountsTokens | None) -> None:
    """Refuse arms with a context budget if prompts can't be measured: they would silently run without it.

    Raises:
        UsageError: With the arms and what is missing.
    """
    budgeted = [arm for arm in arms if Lever.CONTEXT_BUDGET in suite_arm(inputs.suite, arm).levers]
    lacking = [
        said
        for said, lacks in (
            ("the engine has no /tokenize and its model files are not available", counts is None),
            ("it does not report its context window", inputs.connection.max_model_len is None),
        )
        if lacks
    ]
    if budgeted and lacking:
        raise UsageError(
            f"{', '.join(budgeted)} can't keep to a context budget: {'; '.join(lacking)}. "
            "Select other arms with --arms, or use an engine that counts tokens."
        )


@contextmanager
def result_caches(inputs: RunInputs, arm: str, path: Path) -> Iterator[ArmCaches | None]:
    """Open the result caches of an arm, and close them afterwards; None without the lever."""
    if Lever.RESULT_CACHE not in suite_arm(inputs.suite, arm).levers:
        yield None
        return
    with closing(CacheStore(path)) as store:
        yield ArmCaches(store=store, facts=_cache_facts(inputs, arm))


def _cache_facts(inputs: RunInputs, arm: str) -> CacheFacts:
    return CacheFacts(
        arm=arm,
        level=inputs.suite.level,
        model=inputs.connection.model,
        model_revision=inputs.connection.model_revision,
        index_hash=inputs.index_hash,
        prompt_hash=prompt_hash(),
        rules_version=ROUTING_RULES_VERSION,
    )
