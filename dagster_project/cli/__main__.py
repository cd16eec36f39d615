"""`python -m dagster_project.cli`, the same as `docmind`."""

from dagster_project.cli.main import main

main()
