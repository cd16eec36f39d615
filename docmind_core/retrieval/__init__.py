"""Chunks, search strategies, and the index."""
