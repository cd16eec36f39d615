"""What to run, on what, within which limits."""
