from tests.runs.running import run, select


def test_calls_of_a_callable_are_booked_by_query_and_agent_and_balance(home, engine, make_suite):
    run(home, make_suite(mine={"callable": "asking_systems.py:two_agents", "sources": "documents[].id"}))

    assert select(home, "select state, because from ledger_balance") == [("balanced", None)]
    calls = select(home, "select agent, count(*), count(distinct query_id) from llm_calls group by 1 order by 1")
    fingerprint = calls[0][0]
    assert fingerprint.startswith("fp:")
    assert calls == [(fingerprint, 7, 6), ("planner", 7, 6)]
