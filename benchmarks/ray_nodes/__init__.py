"""A suite on a Ray cluster whose nodes die."""
