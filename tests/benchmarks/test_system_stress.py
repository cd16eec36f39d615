"""The benchmark of a system under stress, on a few questions."""

import pytest


def test_what_a_stressed_system_asks_is_all_booked_and_what_is_unknown_is_named(home):
    pytest.importorskip("openai", reason="the embedded engine and the examples bring it (make install)")
    from benchmarks.system_stress.__main__ import judged, stress

    found = stress(home, questions=24, at_once=8, seed=1)

    assert judged(found) == []
    assert found["answered"] == 24
    assert found["refused"] > 0
    assert found["retries"] >= found["refused"] - 2
