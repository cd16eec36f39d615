"""The row of one query run, from its calls."""

from datetime import UTC, datetime

import pytest

from docmind_core.runs.journal import QueryKey
from docmind_core.runs.query_row import AskedQuery, QueryEnd, query_row
from tests.builders import make_call_row

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
KEY = QueryKey(run_id="k.tuned", query_id="q1", replicate=0)
QUERY = AskedQuery(
    query_id="q1", text="Where?", query_type="factoid", cluster_id="d1", tags=("identifier", "paraphrase")
)
END = QueryEnd(
    started_at=NOW, ended_at=NOW, answer=None, error=None, agent_sequence=(), resumed=False, no_passages=False
)
COUNTED = {"tokens_missing_because": None, "cached_tokens": 4, "prefill_computed_tokens": 6}
UNSAID = {**COUNTED, "cached_tokens": None, "prefill_computed_tokens": None, "cached_missing_because": "flag_off"}
UNKNOWN = {"tokens_missing_because": "unreconciled", "cached_missing_because": "unreconciled"}
LOST = {**UNSAID, **UNKNOWN, "prompt_tokens": None, "status": "cut_off"}


def row_of(*calls, window=None):
    rows = [make_call_row(f"c{place}", **{"request_hash": f"r{place}", **call}) for place, call in enumerate(calls)]
    return query_row(KEY, QUERY, END, rows, window)


def test_tags_are_kept_as_json():
    assert row_of(COUNTED)["tags"] == '["identifier", "paraphrase"]'


@pytest.mark.parametrize(
    ("calls", "billed", "cached", "because"),
    [
        ((COUNTED, COUNTED), 26, 8, None),
        ((COUNTED, UNSAID), 26, None, "flag_off"),
        ((COUNTED, {**UNSAID, "cached_missing_because": "unreconciled"}), 26, None, "unreconciled"),
        ((COUNTED, LOST), None, None, "unreconciled"),
    ],
)
def test_cached_tokens_of_a_query_are_a_sum_or_the_reason_of_a_call(calls, billed, cached, because):
    """S13: the reason is that of the first call that says nothing."""
    row = row_of(*calls)
    assert (row.get("billed_tokens"), row.get("cached_tokens")) == (billed, cached)
    assert row["cached_missing_because"] == because


PROMPT = {**COUNTED, "prompt_tokens": 30, "max_tokens": 40}


@pytest.mark.parametrize(
    ("calls", "window", "ratio", "because"),
    [
        ((PROMPT, {**PROMPT, "prompt_tokens": 45}), 100, 0.75, None),
        ((PROMPT,), None, None, "not_supported"),
        ((LOST,), 100, None, "unreconciled"),
        ((PROMPT, {**LOST, "request_hash": "another"}), 100, None, "unreconciled"),
        (({**LOST, "request_hash": "same"}, {**PROMPT, "request_hash": "same"}), 100, 0.5, None),
        ((PROMPT,), 40, None, "zero_denominator"),
        ((), 100, None, "zero_denominator"),
    ],
)
def test_the_share_of_the_window_is_there_or_has_a_reason(calls, window, ratio, because):
    row = row_of(*calls, window=window)
    assert (row["context_utilisation_ratio"], row["context_missing_because"]) == (ratio, because)
