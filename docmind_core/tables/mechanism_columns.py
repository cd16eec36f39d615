"""What the tables of runs, queries and calls say about the guide's mechanisms."""

MECHANISM_COLUMNS = {
    "context_budget": ("integer", "Prompt tokens of an agent in the arms with the lever context_budget, by the suite"),
}
"""Of `runs`."""

EARLIER_COLUMN = {
    "earlier_turns": ("integer", "Turns of user and assistant before the query; 0 for a query that stands alone"),
}
"""Of `query_runs`."""

READ_AS_COLUMN = {
    "passages_read_as": (
        "varchar",
        "Text by chunk id of the passages that the context window cut or that a near-duplicate stood for, JSON; "
        "NULL when each was read as it was found",
    ),
}
"""Of `query_runs`."""
