"""Intervals, paired tests, power."""
