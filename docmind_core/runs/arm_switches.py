"""What the levers in an arm's name switch on around its graph: the caches, and the context budget."""

from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.agents.routing_rules import ROUTING_RULES_VERSION
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.result_caches import CacheFacts

CONTEXT_BUDGET = 2048
"""Prompt tokens of an agent with the lever `context_budget`: of the guide's 2K, 4K and 8K, the one that is felt."""


def has_lever(arm: str, lever: str) -> bool:
    """Whether a lever is added in an arm's name: `naive+LEVER`, `tuned+LEVER`."""
    return lever in arm.split("+")[1:]


def cache_facts(inputs: RunInputs) -> CacheFacts:
    """Return what the results of a benchmark run depend on besides their queries."""
    return CacheFacts(
        level=inputs.suite.level,
        model=inputs.connection.model,
        model_revision=inputs.connection.model_revision,
        index_hash=inputs.index_hash,
        prompt_hash=prompt_hash(),
        rules_version=ROUTING_RULES_VERSION,
    )
