"""What a query sends, decides and books is its measurement: a change that makes it faster must not change a row.

After an intended change: copy the file that the failing test names over `unchanged_rows.json`.
"""

import hashlib
import json
from pathlib import Path

import pytest

from docmind_core.runs.keys import run_id_of
from tests.runs.running import run, select

DIGESTS = Path(__file__).with_name("unchanged_rows.json")
ARMS = [
    "single_pass",
    "naive_supervisor",
    "tuned",
]
ROWS = {
    "llm_calls": """
        select query_id, span_id, attempt, agent, role, task, node, split_part(checkpoint_ns, ':', 1), request_hash,
            parameters, model, phase, status, http_status, finish_reason, output_valid, error_type, error_message,
            reply, reasoning, ended_because, max_tokens, prompt_tokens, completion_tokens, cached_tokens,
            prompt_tokens_est
        from llm_calls where run_id = '{run_id}' order by all""",
    "spans": """
        select query_id, span_id, parent_id, op, name, status, regexp_replace(attributes::varchar, '[0-9a-f]{{32}}', '')
        from spans where run_id = '{run_id}' order by all""",
    "query_runs": """
        select query_id, phase, status, error_type, agent_sequence, answer, abstained, citations, passages,
            passages_read_as, fallback, fallback_because, ended_because, calls, attempts, failures, prompt_tokens,
            completion_tokens, billed_tokens, supervisor_tokens, cached_tokens, handoff_tokens,
            handoff_missing_because, duplicated_missing_because, context_utilisation_ratio
        from query_runs where run_id = '{run_id}' order by all""",
    "retrieved": """
        select query_id, ranking, span_id, search_query, strategy, rank, doc_id, chunk_id, score, candidates_k, final_k
        from retrieved where run_id = '{run_id}' order by all""",
    "route_decisions": """
        select query_id, strategy, decided_by, reasoning
        from route_decisions where run_id = '{run_id}' order by all""",
}
DOCUMENTS = {
    "apples": "All about apples. The colour of apples is red, and an apple is as large as a fist.",
    "apples_again": "All about apples. The colour of apples is red, and an apple is as large as a fist. Seen again.",
    "bridges": "All about bridges. The colour of bridges is grey. A bridge is longer than a street is wide.",
    "clouds": "All about clouds. The colour of clouds is white. What is as large as a cloud weighs little.",
}
QUERIES = {
    "plain": "What is the colour of apples?",
    "composite": "What is the difference between the colour of apples and the colour of bridges?",
    "unknown": "Zygote quorum?",
}


@pytest.fixture
def query_set_folder(tmp_path):
    folder = tmp_path / "unchanged-set"
    folder.mkdir()
    documents = [{"doc_id": name, "title": name.title(), "text": text} for name, text in DOCUMENTS.items()]
    queries = [
        {"query_id": name, "query": text, "answers": ["red"], "gold_doc_ids": ["apples"], "type": "factoid"}
        for name, text in QUERIES.items()
    ]
    for name, rows in (("documents", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def plain(value):
    """Return a value as it is, whether its column has lists and objects or their text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value


def digest(rows):
    values = [[plain(value) for value in row] for row in rows]
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()[:16]


def test_requests_spans_decisions_and_rows_of_a_run_are_what_they_were(home, make_suite, engine, tmp_path):
    key = run(home, make_suite(arms=ARMS, concurrency=8))

    found = {
        arm: {table: digest(select(home, sql.format(run_id=run_id_of(key, arm)))) for table, sql in ROWS.items()}
        for arm in ARMS
    }
    bodies = sorted([json.dumps(body, sort_keys=True)] for body in engine.requests)
    found["all"] = {"requests": digest(bodies)}
    again = tmp_path / DIGESTS.name
    again.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    assert found == json.loads(DIGESTS.read_text("utf-8")), f"if this is intended: cp {again} {DIGESTS}"
