"""Query sets: documents, the queries asked about them, and the gold answers."""
