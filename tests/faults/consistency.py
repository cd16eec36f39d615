"""What must hold for the tables of a run whatever went wrong."""

from docmind_core.tables.reading import query_rows


def select(settings, sql):
    return query_rows(settings, sql)[1]


def assert_consistent(settings, *, arms: int, queries: int) -> None:
    """No query is lost or doubled, the books agree with each other, and the ledger is not unbalanced."""
    counts = select(settings, "select count(*), count(distinct query_id) from query_runs group by run_id")
    assert counts == [(queries, queries)] * arms
    doubled = "select count(*) from (select 1 from llm_calls group by call_id, attempt having count(*) > 1)"
    assert select(settings, doubled) == [(0,)]
    different = (
        "select count(*) from query_runs as q where attempts <> "
        "(select count(*) from llm_calls as c where (c.run_id, c.query_id) = (q.run_id, q.query_id))"
    )
    assert select(settings, different) == [(0,)]
    states = {state for (state,) in select(settings, "select state from ledger_balance")}
    assert states <= {"balanced", "unreconciled"}
    nameless = "select count(*) from ledger_balance where state = 'unreconciled' and because is null"
    assert select(settings, nameless) == [(0,)]
