import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docmind_core.errors import StoreError
from docmind_core.runs.folding import overhead_of, waiting_times
from docmind_core.statistics.coordination import Coordination

SUPERVISOR = '{"gen_ai.operation.name": "chat", "docmind.role": "supervisor"}'
LEAVES = ("chat", "text_completion", "generate_content", "embeddings", "retrieval", "execute_tool")


def make_span(span_id, op, start_ms, end_ms, **changes):
    return {
        "run_id": "k.tuned",
        "query_id": "q1",
        "replicate": 0,
        "span_id": span_id,
        "parent_id": None,
        "op": op,
        "t0": start_ms * 1_000_000,
        "t1": end_ms * 1_000_000,
        "attributes": None,
        **changes,
    }


def measure(*spans):
    return overhead_of(spans)


def test_overhead_is_wall_minus_the_union_of_work():
    """S3."""
    # union of 0..600 and 800..900 is 700 of 1000; the work sums to 500 + 300 + 100 = 900
    found = measure(
        make_span("root", "invoke_workflow", 0, 1000),
        make_span("agent", "invoke_agent", 0, 1000),
        make_span("a", "chat", 0, 500, attributes=SUPERVISOR),
        make_span("b", "chat", 300, 600, attributes='{"docmind.role": "agent"}'),
        make_span("c", "retrieval", 800, 900),
    )
    assert found == Coordination(
        wall_s=1.0,
        busy_s=0.7,
        coordination_overhead_s=0.3,
        coordination_overhead_ratio=0.3,
        parallelism_ratio=pytest.approx(9 / 7),
        coordination_incl_supervisor_s=pytest.approx(0.6),
        supervisor_llm_s=0.5,
    )


def test_without_work_everything_is_overhead():
    found = measure(make_span("root", "invoke_workflow", 0, 500))
    assert (found.coordination_overhead_s, found.coordination_overhead_ratio, found.parallelism_ratio) == (
        0.5,
        1.0,
        None,
    )


def test_work_that_leaks_out_of_the_root_is_clipped():
    found = measure(make_span("root", "invoke_workflow", 0, 100), make_span("a", "chat", 50, 200))
    assert (found.busy_s, found.coordination_overhead_s) == (0.05, 0.05)


def test_a_tool_with_a_chat_inside_counts_once():
    found = measure(
        make_span("root", "invoke_workflow", 0, 100),
        make_span("tool", "execute_tool", 10, 90),
        make_span("chat", "chat", 20, 80),
    )
    assert found.coordination_overhead_s == pytest.approx(0.02)


def test_a_root_without_duration_has_no_ratio():
    assert measure(make_span("root", "invoke_workflow", 5, 5)).coordination_overhead_ratio is None


def test_attributes_that_are_missing_or_of_another_shape_are_not_a_supervisor():
    for attributes in (None, "{}", '{"docmind": {"role": "supervisor"}}', '["supervisor"]'):
        found = measure(
            make_span("root", "invoke_workflow", 0, 100), make_span("a", "chat", 0, 100, attributes=attributes)
        )
        assert (found.supervisor_llm_s, found.coordination_incl_supervisor_s) == (0.0, 0.0)


def test_without_spans_there_are_no_times():
    assert waiting_times([], []) == {}


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([make_span("a", "chat", 0, 1)], "0 root spans"),
        ([make_span("a", "invoke_workflow", 0, 1), make_span("b", "invoke_workflow", 0, 1)], "2 root spans"),
        ([make_span("a", "invoke_workflow", 0, 1), make_span("a", "chat", 0, 1)], "'a' is duplicated"),
    ],
)
def test_spans_that_make_no_tree_are_refused(spans, message):
    with pytest.raises(StoreError, match=message):
        overhead_of(spans)


WORK = st.tuples(st.integers(-20, 120), st.integers(0, 60), st.sampled_from(LEAVES), st.booleans())


def covered(intervals):
    """The union by counting the instants one by one: slow, and another way than the code's."""
    return len({instant for start, end in intervals for instant in range(max(start, 0), min(end, 100))})


@settings(max_examples=100, deadline=None)
@given(st.lists(WORK, max_size=12))
def test_overhead_equals_an_independent_sweep(work):
    """S3."""
    spans = [make_span("root", "invoke_workflow", 0, 100)]
    for place, (start, length, op, supervisor) in enumerate(work):
        attributes = SUPERVISOR if supervisor else None
        spans.append(make_span(f"s{place}", op, start, start + length, attributes=attributes))
    every = [(start, start + length) for start, length, _, _ in work]
    others = [(start, start + length) for start, length, op, flag in work if not (flag and op == "chat")]

    found = overhead_of(spans)

    assert round(found.coordination_overhead_s * 1000) == 100 - covered(every) >= 0
    assert round(found.coordination_incl_supervisor_s * 1000) == 100 - covered(others)
