"""`flowd doctor`: looks at everything the daemon needs and says, for each thing that is wrong, the way out.

It changes nothing. A check is a function from settings to findings; the doctor is their concatenation.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from flowd.api.wire.credentials import FILE
from flowd.cli.command import FAILED, OK, Command, config_of, json_flag
from flowd.cli.output import clean, print_json, size
from flowd.client import Client, RemoteError, Unreachable
from flowd.clock import SystemClock, iso8601
from flowd.config import Config

_FREE_WARNING = 1 << 30
_FREE_FAILURE = 64 << 20
_BUILT_MS = 1_735_689_600_000  # 2025-01-01: no clock that is right shows less
_SKEW_MS = 5_000


class Finding(NamedTuple):
    """One thing that was looked at. `hint` is the way out."""

    status: Literal["ok", "warning", "failure"]
    subject: str
    text: str
    hint: str = ""


class Patient(NamedTuple):
    """What the checks look at. `health` is the daemon's own word, or why there is none."""

    config: Config
    socket: Path
    health: dict[str, Any] | str


def _settings(patient: Patient) -> Iterator[Finding]:
    config = patient.config
    yield Finding("ok", "settings", str(config.file) if config.file else "no settings file: the defaults hold")


def _data_folder(patient: Patient) -> Iterator[Finding]:
    data = patient.config.data
    try:
        mode = data.stat().st_mode
    except FileNotFoundError:
        yield Finding(
            "warning", "data folder", f"{data} does not exist yet", "the daemon makes it when it first starts"
        )
        return
    except OSError as error:
        hint = "run this as the user of the daemon, or set FLOWD_DATA"
        yield Finding("warning", "data folder", f"{data} cannot be looked at: {error.strerror}", hint)
        return
    if not stat.S_ISDIR(mode):
        yield Finding("failure", "data folder", f"{data} is no folder", "set FLOWD_DATA to another place")
    elif mode & 0o077:
        text = f"{data} has mode {stat.S_IMODE(mode):04o}: others may look into it"
        yield Finding("failure", "data folder", text, f"chmod 700 {data}")
    elif (refused := _refusal(data)) == errno.EROFS:
        hint = "`dmesg` may say why: stop the daemon, mend the file system, mount it, start again"
        yield Finding("failure", "data folder", f"{data} is on a file system that is read-only", hint)
    elif refused in (errno.EACCES, errno.EPERM):
        yield Finding("warning", "data folder", f"{data} may not be written", "run this as the user of the daemon")
    else:
        yield Finding("ok", "data folder", f"{data}, for its owner only")


def _refusal(data: Path) -> int | None:
    """The number of the error with which the folder takes no new file. Tried with a file that has no name: after an
    error a file system refuses all writes and is still shown as mounted for them."""
    try:
        os.close(os.open(data, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        return error.errno
    return None


def _space(patient: Patient) -> Iterator[Finding]:
    folder = next(
        (each for each in (patient.config.data, *patient.config.data.parents) if os.path.exists(each)), Path("/")
    )
    free = shutil.disk_usage(folder).free
    if free < _FREE_FAILURE:
        hint = "the daemon stops accepting when the disk is full; make room, it resumes by itself"
        yield Finding("failure", "disk space", f"{size(free)} free", hint)
    elif free < _FREE_WARNING:
        yield Finding("warning", "disk space", f"{size(free)} free", "make room, or keep histories for fewer days")
    else:
        yield Finding("ok", "disk space", f"{size(free)} free")


def _key(patient: Patient) -> Iterator[Finding]:
    file = patient.config.data / FILE
    try:
        found = file.stat()
    except FileNotFoundError:
        yield Finding("ok", "key", "not made yet: the daemon makes it when it first starts")
        return
    except OSError as error:
        yield Finding("warning", "key", f"{file}: {error.strerror}", "run this as the user of the daemon")
        return
    if stat.S_IMODE(found.st_mode) != 0o600:
        text = f"{file} has mode {stat.S_IMODE(found.st_mode):04o}"
        hint = f"chmod 600 {file}; if others have read it: remove it and restart the daemon for a new key"
        yield Finding("failure", "key", text, hint)
    else:
        yield Finding("ok", "key", f"{file}, for its owner only")


def _daemon(patient: Patient) -> Iterator[Finding]:
    health = patient.health
    if isinstance(health, str):
        yield Finding("failure", "daemon", health, "start it: `flowd serve` or `systemctl start flowd`")
        return
    yield Finding("ok", "daemon", f"version {health['version']}, process {health['pid']}, on {patient.socket}")
    if not health.get("writable", True):
        hint = "look at the disk and at the daemon's log; it resumes by itself"
        yield Finding("failure", "store", "the daemon cannot write", hint)
    for problem in health.get("problems", ()):
        yield Finding("failure", "daemon", str(problem))  # each ends with its own way out
    runner = health.get("runner", {})
    if runner.get("status") == "down":
        text = ": ".join(["the runner is down", *([str(runner["detail"])] if runner.get("detail") else [])])
        yield Finding("failure", "runner", text, "functions wait for it: `systemctl status flowd-runner`")
    elif runner:
        yield Finding("ok", "runner", "up")


def _clock(patient: Patient) -> Iterator[Finding]:
    now_ms = SystemClock().now_ms()
    if now_ms < _BUILT_MS:
        hint = "set the clock (timedatectl set-ntp true): deadlines are wall-clock times"
        yield Finding("failure", "clock", f"it shows {iso8601(now_ms)}", hint)
        return
    theirs = patient.health.get("now") if isinstance(patient.health, dict) else None
    if isinstance(theirs, int | float) and abs(theirs * 1000 - now_ms) > _SKEW_MS:
        text = f"the daemon's differs by {abs(theirs - now_ms / 1000):.0f} s from this one"
        yield Finding("warning", "clock", text, "is the daemon on another machine, or does it hang?")
        return
    yield Finding("ok", "clock", iso8601(now_ms))


def _programs(patient: Patient) -> Iterator[Finding]:
    node = shutil.which("node")
    if node:
        yield Finding("ok", "Node", node)
    else:
        yield Finding("warning", "Node", "there is no program `node`", "only functions in NAME.js need it")


def _sync_host(patient: Patient) -> Iterator[Finding]:
    """StartSyncExecution and TestState: SDKs put `sync-` in front of the endpoint's host name."""
    if patient.config.listen is None:
        return
    host, port = patient.config.listen
    name = f"sync-{host}"
    try:
        socket.getaddrinfo(name, port)
    except (OSError, UnicodeError):
        text = f"SDKs send StartSyncExecution and TestState to {name}, which is no known host"
        hint = "`flowd env` turns that off for boto3 and the AWS CLI; other SDKs have a client setting: "
        named = "Config(inject_host_prefix=False), for Node disableHostPrefix: true"
        yield Finding("warning", "sync- host", text, f"{hint}{named}; or a line `{host} {name}` in /etc/hosts")
    else:
        yield Finding("ok", "sync- host", f"{name} is known, so StartSyncExecution works with every SDK")


CHECKS: Final[tuple[Callable[[Patient], Iterator[Finding]], ...]] = (
    _settings,
    _data_folder,
    _space,
    _key,
    _daemon,
    _clock,
    _programs,
    _sync_host,
)


def examine(config: Config, data_given: bool = False) -> list[Finding]:
    """All findings, in the order of the checks. Unless a data folder was given, the running daemon says which it is."""
    place = config.socket
    health: dict[str, Any] | str
    try:
        with closing(Client(place, timeout_s=10)) as client:
            health = client.flowd("Health")
    except (Unreachable, RemoteError) as error:
        health = str(error)
    if isinstance(health, dict) and health.get("dataDirectory") and not data_given:
        config = replace(config, data=Path(str(health["dataDirectory"])))
    patient = Patient(config, place, health)
    return [finding for check in CHECKS for finding in check(patient)]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="the daemon's data folder (FLOWD_DATA)")
    parser.add_argument("--socket", metavar="PATH", help="the daemon's socket (FLOWD_SOCKET)")
    json_flag(parser)


def _run(args: argparse.Namespace) -> int:
    findings = examine(config_of(args), bool(args.data or os.environ.get("FLOWD_DATA")))
    if args.json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.status:<8} {finding.subject:<12} {clean(finding.text)}")
            if finding.hint:
                print(f"{'':<21} -> {clean(finding.hint)}")
    return FAILED if any(finding.status == "failure" for finding in findings) else OK


COMMANDS = {"doctor": Command("look at everything the daemon needs", _arguments, _run)}
