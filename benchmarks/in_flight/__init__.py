"""How many calls the platform keeps in flight."""
