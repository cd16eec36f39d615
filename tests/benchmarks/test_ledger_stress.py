"""The benchmark of the ledger: a run with calls cut off, and the errors planted in its bookings."""

from benchmarks.ledger_stress.planting import one_run
from docmind_core.serving.retrying import RetryPolicy


def test_doubled_and_dropped_bookings_are_found_next_to_a_cut_off_call_and_nothing_else_is_called_wrong(monkeypatch):
    monkeypatch.setattr(RetryPolicy, "wait_s", lambda *_: 0.0)
    name, states, found = one_run((0, 1))
    assert name == "cut-off calls"
    assert not [state for state in states if state.startswith("WRONG")]
    planted = {fault: counts for (fault, _), counts in found.items()}
    assert {planted[fault]["found"] for fault in ("booking doubled", "booking dropped")} == {1}
