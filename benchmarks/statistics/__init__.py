"""Error rates of the estimators and verdicts, by simulation."""
