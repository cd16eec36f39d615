"""What the environment says; the only module that reads it."""

import atexit
import ipaddress
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from docmind_core.errors import SettingsError

CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""What a channel of alerts may be called; its URL is in `DOCMIND_CHANNEL_<NAME>`."""

TELEMETRY_OFF = {
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
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Keeps dependencies from reporting runs to third parties, whatever the user's environment says."""

_outside: dict[str, str] = {}  # what the user's own environment said of them


def turn_telemetry_off() -> None:
    """Keep the dependencies of this process quiet. Called at each of our entry points: an import changes nothing."""
    if any(os.environ.get(name) != value for name, value in TELEMETRY_OFF.items()):
        _outside.update({name: os.environ[name] for name in TELEMETRY_OFF if name in os.environ})
        os.environ.update(TELEMETRY_OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where this installation keeps its things."""

    home: Path
    """`DOCMIND_HOME`, absolute: tables, journals, reports, models, logs, Dagster's own state."""
    executor: str | None = None
    """`DOCMIND_EXECUTOR`: where the shards of a suite that doesn't say so are answered, as a suite writes it."""

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
        """Parquet segments, `tables/<table>/<run_id>.parquet` or, packed, `<benchmark_run>.parquet`: the truth."""
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
        raise SettingsError(f"DOCMIND_HOME {home} is a file. Set it to a folder, or unset it.")
    return Settings(home=home, executor=values.get("DOCMIND_EXECUTOR", "").strip() or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What the environment says about reaching one server by HTTP."""

    proxy: str | None
    """URL of the proxy; it may hold a password."""
    certificate_file: Path | None
    """Trusted certificates, instead of those of the system."""
    certificate_folder: Path | None


def read_http_settings(url: str, environ: Mapping[str, str] | None = None) -> HttpSettings:
    """Return the proxy and the certificates for the server at `url`.

    Read are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in small letters too, SSL_CERT_FILE, REQUESTS_CA_BUNDLE
    and SSL_CERT_DIR. This machine itself is reached without a proxy.

    Raises:
        SettingsError: If the proxy is not one that can be used, or a file of certificates is not there.
    """
    values = os.environ if environ is None else environ
    parts = urlsplit(url)
    proxy = None if _without_proxy(parts, values) else _proxy(parts.scheme, values)
    if parts.scheme != "https" and not (proxy or "").startswith("https:"):
        return HttpSettings(proxy=proxy, certificate_file=None, certificate_folder=None)
    return HttpSettings(
        proxy=proxy,
        certificate_file=_existing(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), values, Path.is_file),
        certificate_folder=_existing(("SSL_CERT_DIR",), values, Path.is_dir),
    )


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine's loopback interface."""
    host = urlsplit(url).hostname or ""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _without_proxy(parts: SplitResult, values: Mapping[str, str]) -> bool:
    entries = re.split(r"[,\s]+", values.get("no_proxy") or values.get("NO_PROXY") or "")
    return is_loopback(parts.geturl()) or any(_covers(entry.lower(), parts) for entry in entries if entry)


def _covers(entry: str, parts: SplitResult) -> bool:
    """Whether an entry of NO_PROXY (`*`, a domain, a host with or without its port, a network) covers a URL's host."""
    host = parts.hostname or ""
    address, network = _address(host), _network(entry.strip("[]"))
    if address is not None and network is not None:
        return address in network
    name = entry.removeprefix("*").removeprefix(".")
    names = (host, f"{host}:{parts.port}", f"[{host}]:{parts.port}")
    return entry == "*" or any(known == name or known.endswith(f".{name}") for known in names)


def _proxy(scheme: str, values: Mapping[str, str]) -> str | None:
    for name in (f"{scheme}_proxy", "all_proxy"):
        for spelling in (name, name.upper()):
            if given := values.get(spelling, "").strip():
                return _checked_proxy(spelling, given)
    return None


def _checked_proxy(name: str, given: str) -> str:
    proxy = given if "://" in given else f"http://{given}"
    advice = "Use an HTTP proxy such as http://proxy.example.org:3128, or add the engine's host to NO_PROXY."
    try:
        parts = urlsplit(proxy)
        valid = bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", proxy)
    except ValueError:
        valid = False
    if not valid:
        # Not repeated: it may hold a password.
        raise SettingsError(f"the environment variable {name} is not the URL of a proxy. {advice}")
    if parts.scheme.lower() not in ("http", "https"):
        raise SettingsError(f"{name}: proxies of type {parts.scheme} are not supported. {advice}")
    return proxy


def _existing(names: Sequence[str], values: Mapping[str, str], is_there: Callable[[Path], bool]) -> Path | None:
    for name in names:
        if given := values.get(name):
            if not is_there(Path(given)):
                raise SettingsError(f"{name}: {given} does not exist. Correct it, or unset it: unset {name}")
            return Path(given)
    return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def read_secret(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret in the environment variable `name`; its value never appears in an error."""
    values = os.environ if environ is None else environ
    if not (value := values.get(name, "")):
        raise SettingsError(
            f"the environment variable {name} is not set. Set it to the engine's key: export {name}=..."
        )
    return value


def read_channel_url(channel: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the URL that alerts of `channel` go to; it holds a token, so it is never shown.

    Raises:
        SettingsError: If it is not set, or if no channel can have this name.
    """
    if not CHANNEL_NAME.fullmatch(channel):
        raise SettingsError("a channel name has only lower-case letters, digits, - and _; it is not the URL.")
    values = os.environ if environ is None else environ
    name = f"DOCMIND_CHANNEL_{channel.upper().replace('-', '_')}"
    if not (url := values.get(name, "").strip()):
        raise SettingsError(f"channel {channel} has no URL. Set it in the environment: export {name}=...")
    return url


def read_heartbeat_url(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the URL that the daemon's heartbeat goes to, from `DOCMIND_HEARTBEAT_URL`; it is a secret."""
    values = os.environ if environ is None else environ
    return values.get("DOCMIND_HEARTBEAT_URL", "").strip() or None


def config_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of this user's configuration files, as the XDG specification has it."""
    values = os.environ if environ is None else environ
    given = Path(values.get("XDG_CONFIG_HOME", ""))
    return given if given.is_absolute() else Path.home() / ".config"


def foreign_environment(*secrets: str | None, **changes: str) -> dict[str, str]:
    """Return the environment for a user's program: the user's, without the platform's switches, keys and channels.

    `secrets` are names of the variables that hold keys.
    """
    ours = {"DOCMIND_HEARTBEAT_URL", *filter(None, secrets)}
    names = [name for name in os.environ if name not in ours and not name.startswith("DOCMIND_CHANNEL_")]
    kept = {name: os.environ[name] for name in names if os.environ[name] != TELEMETRY_OFF.get(name)}
    return {**kept, **_outside, **changes}


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with `changes`, for a child process, telemetry off."""
    return {**os.environ, **TELEMETRY_OFF, **changes}
