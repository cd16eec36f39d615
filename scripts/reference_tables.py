"""The generated tables of docs/suites.md and docs/sql.md: python -m scripts.reference_tables writes them.

Keys and defaults come from the pydantic models, tables and columns from the schema. A test compares the pages with both
and reads every example as a suite.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docmind_core.suites.plain_values import AlertOverride, Price
from docmind_core.suites.suite import Suite
from docmind_core.suites.systems import SystemSpec
from docmind_core.tables.guide_views import MACROS
from docmind_core.tables.schema import TABLES
from docmind_core.tables.views import VIEWS

DOCS = Path(__file__).resolve().parents[1] / "docs"

SUITE: Mapping[str, tuple[str, str]] = {
    "name": ("Name of the suite: lower-case letters, digits, `-` and `_`.", "name: my-suite"),
    "query_set": (
        "A bundled query set, a folder, [a reader of your own](metrics-of-your-own.md), or a list of several.",
        "query_set: ./my-questions",
    ),
    "limit": ("Number of queries to use, taken after a shuffle with `seed`; all by default.", "limit: 20"),
    "arms": (
        "[Ways to answer](arms.md) to compare; `docmind arms` lists them.",
        "arms: [single_pass, tuned]",
    ),
    "systems": (
        "[Your own systems](own-agents.md); each becomes an arm with its name. See the keys below.",
        "systems: {my_agents: {graph: './my_graph.py:make_graph'}}",
    ),
    "level": ("[How much the agents may spend](arms.md#levels): fast, balanced or thorough.", "level: thorough"),
    "routing": (
        "Which agents a supervisor may choose: `fixed` order, those whose `dependencies` are met, or any (`free`).",
        "routing: dependencies",
    ),
    "strategy": (
        "How arms without a router search: keyword_search, semantic_search or hybrid_search. The last two need torch.",
        "strategy: hybrid_search",
    ),
    "strategies": ("Search strategies that a router may choose from.", "strategies: [keyword_search, semantic_search]"),
    "language": (
        "Language of the stop words and stemmer in keyword search; `none` uses neither and works for any language.",
        "language: german",
    ),
    "replicates": ("Number of times each query is answered, 1 to 100.", "replicates: 3"),
    "concurrency": (
        "Maximum model calls in flight, 1 to 1,024; `auto` uses as many as a vLLM server can process at once.",
        "concurrency: 16",
    ),
    "workers": (
        "Worker processes that share `concurrency`; use more than one [from 100 calls in flight](scale.md).",
        "workers: 2",
    ),
    "blocks": (
        "Number of parts to split the queries into; arms alternate within each. At least 6 to compare times of arms.",
        "blocks: 6",
    ),
    "warmup": ("Number of queries that each arm answers before measurement starts.", "warmup: 3"),
    "seed": ("Seed for the shuffle before `limit` and for the model's sampling.", "seed: 7"),
    "engine": (
        "[A profile to start, or the URL of a running engine](engines.md); "
        "for [replicas](engines.md#replicas), a list of URLs.",
        "engine: http://gpu-server:8000",
    ),
    "model": ("Model to request; by default, the only model that the engine serves.", "model: my-model"),
    "api_key_env": (
        "Name of the environment variable that holds the engine's key, never the key.",
        "api_key_env: MY_KEY",
    ),
    "executor": (
        "Where the workers run: as local processes (`local`) or as tasks on a [Ray cluster](scale.md#ray), whose nodes "
        "share the home or, with `storage`, a folder of an object store. A suite "
        "without this key uses the environment variable `DOCMIND_EXECUTOR`.",
        "executor: {kind: ray, address: 'head:6379'}",
    ),
    "plumbing": (
        "Set to `true` for a smoke-test model: its results get no quality letter and support no claim.",
        "plumbing: true",
    ),
    "deadline_s": ("Time limit for one query in seconds, including all its calls and searches.", "deadline_s: 120"),
    "agent_deadline_s": (
        "Time limit for one agent step in seconds; by default, only `deadline_s` applies.",
        "agent_deadline_s: 30",
    ),
    "top_k": (
        "Number of passages that an answer is based on, in every arm; by default, the level decides.",
        "top_k: 3",
    ),
    "answer_max_tokens": ("Maximum length of an answer in tokens.", "answer_max_tokens: 256"),
    "context_budget": (
        "Maximum prompt tokens per agent in arms with the lever `context_budget`; the guide uses 2048, 4096 and 8192.",
        "context_budget: 4096",
    ),
    "metrics": ("[Your own scorers](metrics-of-your-own.md).", "metrics: ['my_scorers.py:answer_words']"),
    "limits": (
        "[Limits](alerts.md) by name, in the unit of the metric; the guide's five apply unless you override them.",
        "limits: {pass_ratio_min: 0.8, e2e_latency_p95_s: 5}",
    ),
    "min_n": (
        "Minimum number of queries to decide a limit or a claim; the report shows the resulting power.",
        "min_n: 50",
    ),
    "claim_without_ledger": (
        "Set to `true` to allow a claimed saving even if the ledger could not be balanced; the report says so.",
        "claim_without_ledger: true",
    ),
    "price": (
        "Price of tokens or GPUs, used for the [`cost` columns](sql.md). See the keys below.",
        "price: {prompt: 0.15, completion: 0.6}",
    ),
    "alerts": (
        "Overrides of [alert rules](alerts.md), by rule: `min_n`, `test`, `for_evals`.",
        "alerts: {agent_latency_p95_s: {for_evals: 1}}",
    ),
    "schedule": ("Cron expression; active after `docmind schedule add my-suite.yaml`.", 'schedule: "0 2 * * *"'),
    "timezone": ("Time zone of the schedule.", "timezone: Europe/Berlin"),
    "channels": (
        "[Where alerts are sent](alerts.md): names of channels whose URLs are in the environment.",
        "channels: [ops]",
    ),
}
SYSTEM: Mapping[str, tuple[str, str]] = {
    "graph": (
        "A compiled LangGraph graph, or a function that returns one: `file.py:name` or `package.module:name`.",
        "graph: './my_graph.py:make_graph'",
    ),
    "callable": (
        "A function that takes the question, and optionally the history, and returns a string or a mapping.",
        "callable: 'my_package.agents:answer'",
    ),
    "command": (
        "A program that is started once per question; it reads one line of JSON and writes one.",
        "command: [node, answer.js]",
    ),
    "url": ("A service that accepts a POST with the same JSON.", "url: http://127.0.0.1:9000/ask"),
    "input": (
        "Input of the graph; `{question}` and `{history}` are filled in.",
        'input: {question: "{question}"}',
    ),
    "answer": (
        "JMESPath expression for the answer; by default `answer`, `output` or `messages[-1].content`.",
        "answer: result.text",
    ),
    "sources": ("JMESPath expression for the ids that the system read, best first.", "sources: 'documents[].id'"),
    "agents": (
        "Agent names, each with what identifies the agent's requests: `tools`, `system_prompt_starts`.",
        "agents: {writer: {system_prompt_starts: You write}}",
    ),
    "env": (
        "Environment variables; `{base_url}`, `{api_key}`, `{model}` and `{search_url}` are filled in per question.",
        'env: {MODEL: "{model}"}',
    ),
    "search_tool": (
        "Set to `true` to let the system search the query set's documents at `{search_url}`.",
        "search_tool: true",
    ),
    "compared_with": ("Arm to compare the system with.", "compared_with: tuned"),
    "folder": (
        "Base folder for relative paths, imports and commands; by default, the folder of the suite.",
        "folder: ../my-agents",
    ),
}
ALERT: Mapping[str, tuple[str, str]] = {
    "min_n": ("Minimum number of values to decide this rule.", "min_n: 30"),
    "test": ("Statistical test to use, if [the rule offers a choice](alerts.md).", "test: point"),
    "for_evals": ("Number of consecutive runs that must miss before the alert fires.", "for_evals: 1"),
}
PRICE: Mapping[str, tuple[str, str]] = {
    "prompt": ("Price of 1,000,000 prompt tokens.", "prompt: 0.15"),
    "completion": ("Price of 1,000,000 completion tokens.", "completion: 0.6"),
    "cached": (
        "Price of 1,000,000 prompt tokens from the prefix cache; by default, the price of other prompt tokens.",
        "cached: 0.075",
    ),
    "gpu_hour": ("Price of one hour of one GPU, instead of the three above.", "gpu_hour: 2.5"),
    "gpus": ("Number of GPUs that the engine runs on; required with `gpu_hour`.", "gpus: 4"),
    "currency": ("Currency code, three capital letters.", "currency: EUR"),
}
KEYS = (
    ("Suite", Suite, SUITE),
    ("Systems", SystemSpec, SYSTEM),
    ("Price", Price, PRICE),
    ("Alerts", AlertOverride, ALERT),
)


def default_of(model: type[BaseModel], key: str) -> str:
    """Return a key's default as a suite writes it."""
    found = model.model_fields[key].get_default(call_default_factory=True)
    if found is PydanticUndefined:
        return "required"
    if found is None or found in ((), {}):
        return "–"
    if isinstance(found, BaseModel):
        found = f"{{{', '.join(f'{name}: {value}' for name, value in found.model_dump(exclude_none=True).items())}}}"
    text = (
        f"[{', '.join(found)}]"
        if isinstance(found, tuple)
        else f"{found:g}"
        if isinstance(found, float)
        else f"{found}"
    )
    return f"`{text.lower() if isinstance(found, bool) else text}`"


def suite_keys() -> Iterator[str]:
    """Yield the lines of docs/suites.md: each key with its default, its meaning and an example."""
    for title, model, keys in KEYS:
        yield from (f"### {title}", "", "| key | default | description | example |", "|---|---|---|---|")
        for key in model.model_fields:
            meaning, example = keys[key]
            yield f"| `{key}` | {default_of(model, key)} | {meaning} | `{example}` |"
        yield ""


def schema() -> Iterator[str]:
    """Yield the lines of docs/sql.md: each view, macro and table with the comments of its columns."""
    for view in sorted(VIEWS, key=lambda view: view.name):
        yield from (f"### View `{view.name}`", "", f"{view.comment}.", "", "| column | what |", "|---|---|")
        yield from (f"| `{name}` | {_cell(comment)} |" for name, comment in view.columns.items())
        yield ""
    for macro in sorted(MACROS, key=lambda macro: macro.name):
        yield from (f"### Macro `{macro.name}({macro.parameters})`", "", f"{macro.comment}.", "")
    for table in sorted(TABLES.values(), key=lambda table: table.name):
        yield from (f"### Table `{table.name}`", "", f"{table.comment}. Key: {', '.join(table.key)}.", "")
        yield from ("| column | type | what |", "|---|---|---|")
        yield from (f"| `{name}` | {kind} | {_cell(comment)} |" for name, (kind, comment) in table.columns.items())
        yield ""


def _cell(text: str) -> str:
    return re.sub(r"<([^>]+)>", r"\\<\1\\>", text).replace("|", "\\|")


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {"suites.md": suite_keys, "sql.md": schema}


def page(name: str) -> str:
    """Return the text of a page with its generated part as the code is now."""
    made = "\n".join(("<!-- generated: python -m scripts.reference_tables -->", "", *PAGES[name](), "<!-- end -->"))
    return re.sub(r"<!-- generated.*<!-- end -->", lambda _: made, (DOCS / name).read_text("utf-8"), flags=re.DOTALL)


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page(name), "utf-8")
        sys.stdout.write(f"{DOCS / name}\n")
