"""What the platform itself costs a query, with an engine that answers at once."""
