import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.scorers import citation_precision, citation_recall
from docmind_core.query_sets.evidence import evidence_recall
from docmind_core.query_sets.queries import Evidence

CHUNKS = st.sets(st.sampled_from([f"d{doc}#{place}" for doc in range(4) for place in range(3)]), min_size=1)
GOLD = st.sets(st.sampled_from([f"d{doc}" for doc in range(6)]), min_size=1)
SPAN = "one two three four five six seven eight nine ten"


def make_span(text=SPAN, doc_id="d1"):
    return Evidence(doc_id=doc_id, text=text)


def test_values_worked_by_hand():
    cited, gold = ["d1#0", "d1#1", "d2#0", "d9#0"], ["d1", "d2", "d3"]
    assert citation_precision(cited, gold) == 0.75
    assert citation_recall(cited, gold) == pytest.approx(2 / 3)


def test_a_passage_cited_twice_counts_once():
    assert citation_precision(["d1#0", "d1#0", "d9#0"], ["d1"]) == 0.5


@given(CHUNKS, GOLD)
def test_both_are_shares_and_are_zero_together(cited, gold):
    precision, recall = citation_precision(cited, gold), citation_recall(cited, gold)
    assert 0 <= precision <= 1
    assert 0 <= recall <= 1
    assert (precision == 0) == (recall == 0)


def test_no_citation_has_no_precision_and_a_true_zero_recall():
    with pytest.raises(ValueError, match="citation"):
        citation_precision([], ["d1"])
    assert citation_recall([], ["d1"]) == 0.0
    with pytest.raises(ValueError, match="gold"):
        citation_recall(["d1#0"], [])


@pytest.mark.parametrize(("words", "expected"), [(10, 1.0), (8, 1.0), (7, 0.0), (0, 0.0)])
def test_eight_of_ten_words_hold_a_span(words, expected):
    passage = "before " + " ".join(SPAN.split()[:words]) + " after"
    assert evidence_recall([make_span()], {"d1#0": passage}) == expected


def test_the_words_must_be_in_one_passage_of_the_right_document():
    first, last = " ".join(SPAN.split()[:5]), " ".join(SPAN.split()[5:])
    assert evidence_recall([make_span()], {"d1#0": first, "d1#1": last}) == 0.0
    assert evidence_recall([make_span()], {"d2#0": SPAN}) == 0.0


def test_a_word_repeated_in_the_span_must_be_repeated_in_the_passage():
    assert evidence_recall([make_span("buffalo buffalo buffalo")], {"d1#0": "buffalo"}) == 0.0


def test_a_span_that_is_in_two_documents_counts_once_and_either_holds_it():
    spans = [make_span(doc_id="d1"), make_span(doc_id="d2"), make_span("something else entirely")]
    assert evidence_recall(spans, {"d2#4": SPAN}) == 0.5


def test_case_and_punctuation_do_not_matter():
    assert evidence_recall([make_span("The End.")], {"d1#0": "the end"}) == 1.0


def test_without_a_span_there_is_no_value_and_without_passages_a_true_zero():
    with pytest.raises(ValueError, match="gold span"):
        evidence_recall([], {"d1#0": "x"})
    assert evidence_recall([make_span()], {}) == 0.0


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20))
def test_more_passages_never_lower_it(words):
    span = make_span("a b c d")
    one = evidence_recall([span], {"d1#0": "a b"})
    assert one <= evidence_recall([span], {"d1#0": "a b", "d1#1": " ".join(words)})
