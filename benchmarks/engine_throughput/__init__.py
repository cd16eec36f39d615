"""Tokens per second of the embedded engine, through the platform and without it."""
