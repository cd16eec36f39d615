"""Assets, one file per group: thin bodies around the core."""
