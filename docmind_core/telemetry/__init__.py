"""Spans and samples of the machine."""
