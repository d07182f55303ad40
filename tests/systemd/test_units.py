"""The shipped units: systemd takes them, the daemon's sandbox stays shut, neither service pulls the other down."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flowd.daemon import LEAVE_S, NOTICE_S

UNITS = Path(__file__).resolve().parents[2] / "systemd"
NAMES = ("flowd.service", "flowd-runner.service")
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


class Unit(configparser.RawConfigParser):
    """A unit file; of a setting that is given several times the values are joined by a blank."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
        merged: dict[str, dict[str, str]] = {}
        section = ""
        for line in (UNITS / name).read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith(("#", ";")):
                key, _, value = line.partition("=")
                settings = merged.setdefault(section, {})
                settings[key] = f"{settings[key]} {value}" if key in settings else value
        self.read_dict(merged)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units with a program that exists here, since `verify` looks for it."""
    for name in NAMES:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (UNITS / name).read_text(), flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    return tmp_path


def _analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@needs_analyze
def test_systemd_finds_nothing_wrong_with_the_units(folder: Path) -> None:
    done = _analyze(folder, "verify", "--man=no", *(f"./{name}" for name in NAMES))
    assert (done.returncode, done.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize(("name", "threshold"), [("flowd.service", 15), ("flowd-runner.service", 35)])
def test_the_exposure_of_a_unit_stays_below_its_threshold(folder: Path, name: str, threshold: int) -> None:
    done = _analyze(folder, "security", "--offline=true", "--no-pager", f"--threshold={threshold}", f"./{name}")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_neither_service_takes_the_other_down() -> None:
    for name in NAMES:
        unit = Unit(name)["Unit"]
        assert not {"BindsTo", "PartOf", "Requires", "Requisite"} & set(unit)
    assert Unit("flowd.service")["Unit"]["Wants"] == "flowd-runner.service"


def test_a_shutdown_tells_both_services_at_once_and_the_daemon_may_wait_for_the_runner() -> None:
    daemon, runner = Unit("flowd.service"), Unit("flowd-runner.service")
    for unit, other in ((daemon, "flowd-runner.service"), (runner, "flowd.service")):
        assert other not in f"{unit['Unit'].get('After', '')} {unit['Unit'].get('Before', '')}"
    stops = [float(unit["Service"]["TimeoutStopSec"].removesuffix("s")) for unit in (daemon, runner)]
    assert stops[0] > NOTICE_S + LEAVE_S > stops[1]


def test_the_daemon_s_state_and_socket_are_out_of_the_runner_s_reach() -> None:
    daemon, runner = Unit("flowd.service")["Service"], Unit("flowd-runner.service")["Service"]
    assert daemon["User"] != runner["User"]
    assert daemon["StateDirectoryMode"] == "0700"
    hidden = runner["InaccessiblePaths"].replace("-/", "/").split()
    assert {f"/var/lib/{daemon['StateDirectory']}", f"/run/{daemon['RuntimeDirectory']}"} <= set(hidden)


def test_the_runner_s_socket_survives_a_restart_of_the_daemon() -> None:
    daemon, runner = Unit("flowd.service")["Service"], Unit("flowd-runner.service")["Service"]
    assert daemon["RuntimeDirectory"] != runner["RuntimeDirectory"]
    assert f"/run/{runner['RuntimeDirectory']}/" in runner["ExecStart"]
    assert f"FLOWD_RUNNER_SOCKET=/run/{runner['RuntimeDirectory']}/" in daemon["Environment"]


def test_callers_on_the_socket_keep_their_names() -> None:
    """In a user namespace of its own the daemon would see every peer uid as 65534."""
    assert "PrivateUsers" not in Unit("flowd.service")["Service"]


def test_the_users_of_the_units_are_declared() -> None:
    declared = re.findall(r"^u (\S+)", (UNITS / "sysusers.d" / "flowd.conf").read_text(), re.MULTILINE)
    assert {Unit(name)["Service"]["User"] for name in NAMES} == set(declared)
