"""How often a gate that looks while the candidate runs is wrong, and what it saves."""
