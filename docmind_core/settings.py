"""What the environment says; the only module that reads it."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docmind_core.errors import SettingsError

CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""What a channel of alerts may be called; its URL is in `DOCMIND_CHANNEL_<NAME>`."""

NOTHING_TOLD = {
    # LangGraph sends every prompt and answer to LangSmith where one of these is true; langsmith reads them once.
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",
    "LANGCHAIN_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
"""What keeps dependencies from telling others about runs, whatever the user's environment says."""

# At import, so that no process of the platform can forget it: everything that imports one of them imports this first.
os.environ.update(NOTHING_TOLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where this installation keeps its things."""

    home: Path
    """`DOCMIND_HOME`, absolute: tables, journals, reports, models, logs, Dagster's own state."""

    def make_home(self) -> None:
        """Create the home where it is missing, for its owner alone: questions and answers may be confidential."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700, exist_ok=True)

    @property
    def metrics_database(self) -> Path:
        """The published DuckDB file; open it read-only and reopen it to see newer runs."""
        return self.home / "metrics.duckdb"

    @property
    def tables(self) -> Path:
        """Parquet segments, `tables/<table>/<run_id>.parquet`: the truth."""
        return self.home / "tables"

    @property
    def journals(self) -> Path:
        """One SQLite journal per benchmark run."""
        return self.home / "journals"

    @property
    def benchmarks(self) -> Path:
        """Frozen suites and manifests, one folder per benchmark run."""
        return self.home / "benchmarks"

    @property
    def reports(self) -> Path:
        """`reports/<benchmark_run>/index.html` and `report.md`."""
        return self.home / "reports"

    @property
    def models(self) -> Path:
        """Models prepared by this project."""
        return self.home / "models"

    @property
    def indexes(self) -> Path:
        """Retrieval indexes, named by the hash of what they hold."""
        return self.home / "indexes"

    @property
    def logs(self) -> Path:
        """Log files, the engine's among them."""
        return self.home / "logs"

    @property
    def alerts_database(self) -> Path:
        """Where the state of all alerts lives (SQLite)."""
        return self.home / "alerts.sqlite"

    @property
    def caches_database(self) -> Path:
        """Results kept across processes (SQLite); it may be deleted at any time."""
        return self.home / "caches.sqlite"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.home / "dagster"


def without_syntax(folder: Path) -> Path:
    """Return a path to `folder` that others read as it is: a link, where its own has characters of a pattern or URL.

    DuckDB takes the path of a Parquet file for a pattern; Dagster makes a URL of the path to its databases.
    """
    return _link(folder) if re.search(r"[*?%\[\\]", str(folder)) else folder


@cache
def _link(folder: Path) -> Path:
    aside = tempfile.mkdtemp(prefix="docmind-")
    atexit.register(_remove_link, aside, os.getpid())
    link = Path(aside) / "home"
    link.symlink_to(folder, target_is_directory=True)
    return link


def _remove_link(aside: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child leaves it to its parent
        shutil.rmtree(aside, ignore_errors=True)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or from `environ`, in tests)."""
    values = os.environ if environ is None else environ
    home = Path(values.get("DOCMIND_HOME") or ".docmind").expanduser().absolute()
    if home.exists() and not home.is_dir():
        raise SettingsError(f"DOCMIND_HOME {home} is a file. Point it at a folder, or leave it unset.")
    return Settings(home=home)


def read_secret(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret in the environment variable `name`; its value never appears in an error."""
    values = os.environ if environ is None else environ
    value = values.get(name, "")
    if not value:
        raise SettingsError(
            f"the environment variable {name} is not set. Set it to the engine's key: export {name}=..."
        )
    return value


def read_channel_url(channel: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the URL that alerts of `channel` go to; it holds a token, so it appears nowhere else.

    Raises:
        SettingsError: If it is not set, or if no channel can have this name.
    """
    if not CHANNEL_NAME.fullmatch(channel):
        raise SettingsError("a channel is named with lower-case letters, digits, - and _; its URL is not its name.")
    values = os.environ if environ is None else environ
    name = f"DOCMIND_CHANNEL_{channel.upper().replace('-', '_')}"
    url = values.get(name, "").strip()
    if not url:
        raise SettingsError(f"channel {channel} has no URL. Set it in the environment: export {name}=...")
    return url


def read_heartbeat_url(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the URL that wants a sign of life of the daemon, from `DOCMIND_HEARTBEAT_URL`; it is a secret."""
    values = os.environ if environ is None else environ
    return values.get("DOCMIND_HEARTBEAT_URL", "").strip() or None


def config_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of this user's configuration files, as the XDG specification has it."""
    values = os.environ if environ is None else environ
    given = Path(values.get("XDG_CONFIG_HOME", ""))
    return given if given.is_absolute() else Path.home() / ".config"


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with `changes`, for a child process; its dependencies tell nobody, too."""
    return {**os.environ, **NOTHING_TOLD, **changes}
