import json
from datetime import UTC, datetime

import pytest

from docmind_core.runs.journal_entries import decode, encode

VALUES = [
    {
        "text": "Zürich \N{SNOWMAN} \u2028 \x00",
        "score": 0.1,
        "tiny": 1e-07,
        "none": None,
        "yes": True,
        "list": [[1, 2], ()],
    },
    {"at": datetime(2026, 11, 30, 12, 0, 0, 1, tzinfo=UTC)},
    {"half": "\ud83d of a pair"},
    {"large": 2**70},
    {1: "keys are texts"},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: next(iter(map(str, value))))
def test_what_is_encoded_is_what_python_s_own_json_reads_back(value):
    assert decode(encode(value)) == (value if "at" in value else json.loads(json.dumps(value)))


def test_what_has_no_place_in_the_journal_is_refused():
    with pytest.raises(TypeError, match="set cannot be stored in the journal"):
        encode({"words": {"a"}})
