"""The systemd user service that keeps the web UI and the daemon running: its unit file, and systemctl."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from docmind_core.errors import RunError, UsageError
from docmind_core.settings import Settings, config_home

UNIT = "docmind-ui.service"
ENVIRONMENT_FILE = "docmind/environment"
"""In the user's configuration folder: keys and channel URLs for the service, one NAME=value a line."""
SYSTEMCTL_TIMEOUT_S = 60.0
_LINGER = "To keep it running after you log out: loginctl enable-linger"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """What systemd says about the service."""

    path: Path
    installed: bool
    enabled: str
    active: str


def unit_path() -> Path:
    """Return where the unit file of this user is."""
    return config_home() / "systemd" / "user" / UNIT


def unit_text(settings: Settings, *, port: int) -> str:
    """Return the unit file of a home.

    Raises:
        UsageError: If a path can't be written into one.
    """
    command = f"{_quoted(sys.executable)} -m dagster_project.cli ui --port {port}".replace("$", "$$")
    return f"""\
# Written by docmind service install; docmind service uninstall removes it.
[Unit]
Description=DocMind Eval: web UI, schedules and alerts
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart={command}
Environment={_quoted(f"DOCMIND_HOME={settings.home}")}
EnvironmentFile=-{_escaped(str(config_home() / ENVIRONMENT_FILE))}
WorkingDirectory={_escaped(str(settings.home))}
Restart=always
RestartSec=10
# The web UI stops the servers it started, in order; systemd stops the rest.
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def install_service(settings: Settings, *, port: int) -> tuple[str, ...]:
    """Write the unit file, enable and start the service; return what to tell the user.

    Raises:
        RunError: If the file can't be written, or systemd does not take it; the file is there then.
    """
    path, text = unit_path(), unit_text(settings, port=port)
    try:
        settings.make_home()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Print it instead: --print") from error
    _systemctl("daemon-reload")
    _systemctl("enable", UNIT)
    _systemctl("restart", UNIT)  # starts a stopped one, and gives a running one the new file
    return (
        f"installed {path}",
        f"web UI: http://127.0.0.1:{port}",
        f"keys and channel URLs for it: {config_home() / ENVIRONMENT_FILE}, one NAME=value a line",
        _LINGER,
    )


def uninstall_service() -> bool:
    """Stop the service and remove its unit file; return False where none is installed.

    Raises:
        RunError: If systemd refuses; the file stays.
    """
    path = unit_path()
    if not path.exists():
        return False
    _systemctl("disable", "--now", UNIT)
    path.unlink()
    _systemctl("daemon-reload")
    return True


def service_status() -> ServiceStatus:
    """Ask systemd about the service; "unknown" where it does not answer."""
    path = unit_path()
    enabled, active = (_answer(word) for word in ("is-enabled", "is-active"))
    return ServiceStatus(path=path, installed=path.exists(), enabled=enabled, active=active)


def _answer(word: str) -> str:
    try:
        return _run(word, UNIT).stdout.strip() or "unknown"
    except RunError:
        return "unknown"


def _systemctl(*words: str) -> None:
    done = _run(*words)
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise RunError(
            f"systemctl --user {' '.join(words)} failed: {said}. "
            "Log in as the user who will run it, with systemd as the session manager; or run docmind ui instead."
        )


def _run(*words: str) -> "subprocess.CompletedProcess[str]":
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise RunError("systemd is not available here. Run docmind ui under the service manager of this machine.")
    try:
        return subprocess.run(
            [systemctl, "--user", *words], capture_output=True, text=True, timeout=SYSTEMCTL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"systemctl --user {' '.join(words)} did not answer ({type(error).__name__}).") from error


def _escaped(text: str) -> str:
    """Return a path as a setting takes it whole: `%` is a specifier of systemd."""
    if not text.isprintable():
        raise UsageError(f"{text!r}: a systemd unit can't hold a path with control characters.")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """Return a word in quotes, for settings that split at white space."""
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
