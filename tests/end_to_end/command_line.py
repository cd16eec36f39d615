"""The command line in a process of its own, as a person runs it."""

import subprocess
import sys
from pathlib import Path

from docmind_core.settings import Settings, child_environment
from docmind_core.tables.reading import query_rows

DOCMIND = Path(sys.executable).with_name("docmind")
KEYWORD_ONLY = ("--strategy", "keyword_search")
HANGS_AFTER_S = 2400
"""Far beyond the slowest run seen on a busy machine: only a hang takes this long."""


def docmind(home: Settings, *arguments: str) -> str:
    """Run the command line and return what it printed to standard output."""
    done = subprocess.run(
        [DOCMIND, *arguments],
        env=child_environment(DOCMIND_HOME=str(home.home)),
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def select(home: Settings, sql: str) -> list[tuple]:
    return query_rows(home, sql)[1]
