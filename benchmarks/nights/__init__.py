"""How often the rules against a pinned baseline are wrong, and how soon they find a change."""
