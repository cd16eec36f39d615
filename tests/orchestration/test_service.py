"""`docmind service`: the unit file, and what systemd is asked for."""

import shutil
import stat
import subprocess

import pytest

from dagster_project import service
from dagster_project.cli.main import run
from dagster_project.service import UNIT, unit_text
from docmind_core.errors import UsageError
from docmind_core.settings import Settings


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A stand-in that writes down what it is asked for; `says` is what it answers, `fails` which word it refuses."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase " $* " in *" $FAILS "*) echo "no bus" >&2; exit 1;; esac\n'
        'echo "${SAYS:-active}"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAILS", "nothing")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path / "home"))
    return lambda: (tmp_path / "asked").read_text().splitlines()


@pytest.mark.parametrize("name", ["home", "my home", "100%h", 'a"b\\c', "$HOME", "key=value"])
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze to check a unit file")
def test_systemd_takes_the_unit_file_of_any_path(tmp_path, monkeypatch, name):
    home = tmp_path / name
    home.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    unit = tmp_path / UNIT
    unit.write_text(unit_text(Settings(home=home), port=3001))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", unit], capture_output=True, text=True, check=False
    )
    told = [line for line in checked.stderr.splitlines() if UNIT in line]
    assert told == [], checked.stderr


def test_the_unit_restarts_always_and_runs_the_ui_of_this_home(tmp_path):
    lines = unit_text(Settings(home=tmp_path / "100%h"), port=3001).splitlines()
    assert "Restart=always" in lines
    assert "StartLimitIntervalSec=0" in lines
    assert f'Environment="DOCMIND_HOME={tmp_path}/100%%h"' in lines
    [command] = [line for line in lines if line.startswith("ExecStart=")]
    assert command.endswith(" -m dagster_project.cli ui --port 3001")


def test_a_home_whose_path_would_be_syntax_is_refused(tmp_path):
    with pytest.raises(UsageError, match="control characters"):
        unit_text(Settings(home=tmp_path / "a\nExecStart=evil"), port=3000)


def test_print_shows_the_unit_and_asks_systemd_for_nothing(systemctl, tmp_path, capsys):
    assert run(["service", "install", "--print", "--port", "3002"]) == 0
    assert "--port 3002" in capsys.readouterr().out
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / "config").exists()


def test_installing_twice_enables_and_restarts_and_uninstalling_removes(systemctl, tmp_path, capsys):
    unit = tmp_path / "config" / "systemd" / "user" / UNIT
    for port in ("3001", "3002"):
        assert run(["service", "install", "--port", port]) == 0
        assert f"--port {port}" in unit.read_text()
    assert "loginctl enable-linger" in capsys.readouterr().out
    assert systemctl() == ["--user daemon-reload", f"--user enable {UNIT}", f"--user restart {UNIT}"] * 2
    assert run(["service", "status"]) == 0
    assert run(["service", "uninstall"]) == 0
    assert not unit.exists()
    assert systemctl()[-2:] == [f"--user disable --now {UNIT}", "--user daemon-reload"]
    assert run(["service", "uninstall"]) == 0
    assert "no service is installed" in capsys.readouterr().out


def test_a_service_that_is_not_installed_or_does_not_run_is_exit_code_1(systemctl, monkeypatch, capsys):
    assert run(["service", "status"]) == 1
    assert "docmind service install" in capsys.readouterr().out
    run(["service", "install"])
    monkeypatch.setenv("SAYS", "failed")
    assert run(["service", "status"]) == 1
    assert "journalctl --user" in capsys.readouterr().out


@pytest.mark.parametrize("fails", ["daemon-reload", "enable", "restart"])
def test_a_systemd_that_refuses_is_one_line(systemctl, monkeypatch, capsys, fails):
    monkeypatch.setenv("FAILS", fails)
    assert run(["service", "install"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert f"systemctl --user {fails}" in line
    assert "no bus" in line


def test_a_machine_without_systemd_is_one_line(systemctl, monkeypatch, capsys):
    monkeypatch.setattr(service.shutil, "which", lambda name: None)
    assert run(["service", "install"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "systemd is not available here" in line
