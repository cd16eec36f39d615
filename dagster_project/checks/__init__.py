"""Asset checks: the gates of a benchmark run."""
