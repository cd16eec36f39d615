from docmind_core.query_sets.evidence import evidence_recall
from docmind_core.query_sets.queries import Evidence


def test_one_of_several_wordings_of_a_need_is_enough():
    spans = [
        Evidence(doc_id="a", text="Paris is the capital", need="capital"),
        Evidence(doc_id="b", text="the capital city, Paris", need="capital"),
        Evidence(doc_id="b", text="on the river Seine", need="river"),
    ]

    assert evidence_recall(spans, {"b#0": "the capital city, Paris, lies"}) == 0.5
    assert evidence_recall(spans, {"a#0": "Paris is the capital", "b#3": "it lies on the river Seine"}) == 1.0


def test_a_span_of_several_documents_is_one_need():
    spans = [Evidence(doc_id="a", text="Paris is the capital"), Evidence(doc_id="b", text="Paris is the capital")]

    assert evidence_recall(spans, {"b#0": "Paris is the capital"}) == 1.0
