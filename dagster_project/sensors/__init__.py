"""Sensors: what happens without anybody asking for it."""
