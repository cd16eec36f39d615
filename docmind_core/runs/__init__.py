"""One query, one benchmark run, its journal and its manifest."""
