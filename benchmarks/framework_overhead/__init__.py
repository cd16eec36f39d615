"""What the platform itself costs a query, beside an engine that answers at once."""
