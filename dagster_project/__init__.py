"""When and with what: the Dagster side and the command line."""
