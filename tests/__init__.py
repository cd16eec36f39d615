"""Tests mirror the packages; rows and records for them come from `tests/builders.py`."""
