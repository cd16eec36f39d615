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
    "limit": ("Number of queries, taken after a shuffle by `seed`; all of them by default.", "limit: 20"),
    "arms": (
        "[Ways to answer](arms.md), compared with each other; `docmind arms` lists them.",
        "arms: [single_pass, tuned]",
    ),
    "systems": (
        "[Systems of your own](own-agents.md); each is an arm under its name. The keys are below.",
        "systems: {my_agents: {graph: './my_graph.py:make_graph'}}",
    ),
    "level": ("[How much the agents may spend](arms.md#levels): fast, balanced or thorough.", "level: thorough"),
    "routing": (
        "What a supervisor may choose from: the `fixed` order, agents whose `dependencies` are met, or `free`: any.",
        "routing: dependencies",
    ),
    "strategy": (
        "How arms without a router search: keyword_search, semantic_search or hybrid_search. The last two need torch.",
        "strategy: hybrid_search",
    ),
    "strategies": ("What a router may choose from.", "strategies: [keyword_search, semantic_search]"),
    "language": (
        "Of the stop words and the stemmer in keyword search; `none` has neither and fits every language.",
        "language: german",
    ),
    "replicates": ("How often each query is answered, 1 to 100.", "replicates: 3"),
    "concurrency": (
        "Model calls in flight at the same time, 1 to 1,024; `auto`: as many as a vLLM server works on at once.",
        "concurrency: 16",
    ),
    "workers": (
        "Processes that ask, each with its part of `concurrency`: [for 100 calls in flight and more](scale.md).",
        "workers: 2",
    ),
    "blocks": (
        "Parts that the queries are cut into: the arms take turns in each. Times of arms are compared from 6 on.",
        "blocks: 6",
    ),
    "warmup": ("Queries that each arm answers before those that are measured.", "warmup: 3"),
    "seed": ("Of the shuffle before `limit`, and of the sampling of the model.", "seed: 7"),
    "engine": (
        "[A profile to start, or the URL of a running engine](engines.md); "
        "[of several replicas](engines.md#replicas) a list of URLs.",
        "engine: http://gpu-server:8000",
    ),
    "model": ("The model to ask for; by default the only one that the engine serves.", "model: my-model"),
    "api_key_env": (
        "Name of the environment variable that holds the engine's key, never the key.",
        "api_key_env: MY_KEY",
    ),
    "executor": (
        "What runs the workers: processes here (`local`), or tasks of a [Ray cluster](scale.md#ray).",
        "executor: {kind: ray, address: 'head:6379'}",
    ),
    "plumbing": (
        "`true`: the model only shows that everything is connected; its results get no letter and no claim.",
        "plumbing: true",
    ),
    "deadline_s": ("Seconds for one query, all its calls and searches together.", "deadline_s: 120"),
    "agent_deadline_s": (
        "Seconds for one step of an agent; by default only the query's deadline ends it.",
        "agent_deadline_s: 30",
    ),
    "top_k": ("Passages that an answer is based on, in every arm; by default the level's own number.", "top_k: 3"),
    "answer_max_tokens": ("Longest answer, in tokens.", "answer_max_tokens: 256"),
    "context_budget": (
        "Prompt tokens per agent in arms with the lever `context_budget`; the guide has 2048, 4096 and 8192.",
        "context_budget: 4096",
    ),
    "metrics": ("[Scorers of your own](metrics-of-your-own.md).", "metrics: ['my_scorers.py:answer_words']"),
    "limits": (
        "[Limits](alerts.md) by name, in the unit of the metric; the guide's five hold unless you set them.",
        "limits: {pass_ratio_min: 0.8, e2e_latency_p95_s: 5}",
    ),
    "min_n": (
        "Fewest queries that decide a limit or a claim; the report says what power is left.",
        "min_n: 50",
    ),
    "claim_without_ledger": (
        "`true`: a saving may be claimed though the ledger could not be balanced; the report says so.",
        "claim_without_ledger: true",
    ),
    "price": (
        "What tokens cost, or the GPUs: [`cost` columns](sql.md) then say what a run did. The keys are below.",
        "price: {prompt: 0.15, completion: 0.6}",
    ),
    "alerts": (
        "Changes to [alert rules](alerts.md), by rule: `min_n`, `test`, `for_evals`.",
        "alerts: {agent_latency_p95_s: {for_evals: 1}}",
    ),
    "schedule": ("Cron expression; active after `docmind schedule add my-suite.yaml`.", 'schedule: "0 2 * * *"'),
    "timezone": ("Of the schedule.", "timezone: Europe/Berlin"),
    "channels": ("[Where alerts go](alerts.md): names whose URLs are in the environment.", "channels: [ops]"),
}
SYSTEM: Mapping[str, tuple[str, str]] = {
    "graph": (
        "A compiled LangGraph graph, or a function that returns one: `file.py:name` or `package.module:name`.",
        "graph: './my_graph.py:make_graph'",
    ),
    "callable": (
        "A function of the question, and of the history if it takes two arguments; it returns a text or a mapping.",
        "callable: 'my_package.agents:answer'",
    ),
    "command": ("A program, started once per question: one line of JSON in, one out.", "command: [node, answer.js]"),
    "url": ("A service: takes a POST of the same JSON.", "url: http://127.0.0.1:9000/ask"),
    "input": (
        "What a graph is invoked with; `{question}` and `{history}` are filled in.",
        'input: {question: "{question}"}',
    ),
    "answer": (
        "JMESPath of the answer; by default `answer`, `output` or `messages[-1].content`.",
        "answer: result.text",
    ),
    "sources": ("JMESPath of the ids of what it read, best first.", "sources: 'documents[].id'"),
    "agents": (
        "Names of agents, by what their requests have in common: `tools`, `system_prompt_starts`.",
        "agents: {writer: {system_prompt_starts: You write}}",
    ),
    "env": (
        "Environment variables; `{base_url}`, `{api_key}`, `{model}` and `{search_url}` are filled in per question.",
        'env: {MODEL: "{model}"}',
    ),
    "search_tool": ("`true`: it may search the documents of the query set at `{search_url}`.", "search_tool: true"),
    "compared_with": ("The arm that it is compared with.", "compared_with: tuned"),
    "folder": (
        "Where relative paths, imports and commands begin; by default the folder of the suite.",
        "folder: ../my-agents",
    ),
}
ALERT: Mapping[str, tuple[str, str]] = {
    "min_n": ("Fewest values that decide this rule.", "min_n: 30"),
    "test": ("The test that decides it, where [the rule has a choice](alerts.md).", "test: point"),
    "for_evals": ("Runs in a row that must miss before the alert fires.", "for_evals: 1"),
}
PRICE: Mapping[str, tuple[str, str]] = {
    "prompt": ("For 1,000,000 prompt tokens.", "prompt: 0.15"),
    "completion": ("For 1,000,000 completion tokens.", "completion: 0.6"),
    "cached": (
        "For 1,000,000 prompt tokens from the prefix cache; by default they cost what the others do.",
        "cached: 0.075",
    ),
    "gpu_hour": ("For one hour of one GPU, instead of the three above.", "gpu_hour: 2.5"),
    "gpus": ("GPUs that the engine runs on; needed with `gpu_hour`.", "gpus: 4"),
    "currency": ("Three capital letters.", "currency: EUR"),
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
        yield from (f"### {title}", "", "| key | default | what it says | example |", "|---|---|---|---|")
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
