"""`flowd check`: what the daemon would say about files, without one. `file:line:column: SEVERITY CODE message`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from flowd.asl import positions
from flowd.asl.diagnostics import INVALID_JSON, SCHEMA, Diagnostic, errors
from flowd.asl.model import DefinitionError
from flowd.asl.parse import parse
from flowd.asl.validate import advise, validate
from flowd.asl.validate_resources import is_known_call
from flowd.cli.command import FAILED, OK, Command, CommandError, config_of, json_flag
from flowd.cli.output import clean, complain, print_json
from flowd.cloudsettings import HERE, MOCK
from flowd.config import Config
from flowd.engine.cloud import refusal
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.snapshot import MachineFile
from flowd.engine.dropfolder.taskdefinitions import site_of
from flowd.engine.dropfolder.walk import TEMPLATES
from flowd.integrations import models
from flowd.integrations.registry import ROWS, refuse_unbuilt
from flowd.names import UnknownName
from flowd.sam.intrinsics import substitute
from flowd.sam.project import Listed
from flowd.sdk.loading import NotLoadable, read_sources

YAML = (".yaml", ".yml")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_PLACEHOLDER = "${"
_UNQUOTED = re.compile(r":\s*\$\{")  # a number that a template puts in: no JSON before it does


class Finding(NamedTuple):
    """One diagnostic and the file it belongs to."""

    path: str
    diagnostic: Diagnostic

    def __str__(self) -> str:
        found = self.diagnostic
        place = f"{self.path}:{max(1, found.line)}:{max(1, found.column)}"
        return f"{place}: {found.severity} {found.code} {clean(found.message)}"


def check_definition(
    text: str, yaml: bool, type: str = "STANDARD", services: Mapping[str, str] = _NOTHING
) -> list[Diagnostic]:
    """Everything about one definition, with lines and columns; errors before advice. What no daemon of this version
    could run is an error. What one could run that is set up for it, and `services` (of flowd.toml) do not set it up,
    is a warning: the daemon's own file may be another."""
    loaded = positions.load(text, yaml)
    if isinstance(loaded, Diagnostic):
        return [_hinted(loaded, text, {})]
    unknown: dict[str, str] = {}  # Resource -> what is wrong with its name
    elsewhere: set[str] = set()

    def refused(service: str, action: str, pattern: str, resource: str) -> str | None:
        reason = refuse_unbuilt(service, action)
        if isinstance(reason, UnknownName):
            unknown[resource] = reason
        elif services.get(models.service_of(service)) == MOCK and is_known_call(service, action, pattern):
            return None
        elif reason is None and (reason := _not_set_up(service, action, services)) is not None:
            elsewhere.add(reason)
        return reason

    found = [
        msgspec.structs.replace(each, severity="WARNING") if each.message in elsewhere else each
        for each in validate(loaded.json, type=type, resources=refused)
    ]
    if not errors(found):
        found += _compiled(loaded.json) + advise(loaded.json)
    return [placed(_hinted(each, text, unknown), *loaded.place(each.location)) for each in found]


def _not_set_up(service: str, action: str, services: Mapping[str, str]) -> str | None:
    """Why a daemon with these `[services]` has no such operation of an AWS service, None if it has."""
    if not service.startswith("aws-sdk:") or service in ROWS:
        return None
    from flowd.services.offered import OFFERED  # reads every service's rules: only where a definition asks for one

    model = models.model(models.service_of(service))
    assert model is not None  # refused before
    name, operation = str(model.service_name), models.upper(action)
    here = operation in OFFERED.get(name, ())
    return refusal(services.get(name, HERE), name, operation, here=here, known=name in OFFERED)


def _hinted(found: Diagnostic, text: str, unknown: Mapping[str, str]) -> Diagnostic:
    """An error in AWS's words with the way out, where AWS's words have none."""
    way = found.why
    if (found.location or "").endswith("/Resource"):
        way = next((reason for resource, reason in unknown.items() if f" {resource} " in found.message), "")
    if _PLACEHOLDER in found.message or (found.code == INVALID_JSON and _UNQUOTED.search(text)):
        way = "a template's DefinitionSubstitutions fill such a placeholder: check the template's folder"
    return msgspec.structs.replace(found, message=f"{found.message}; {way}") if way else found


def _compiled(text: str) -> list[Diagnostic]:
    """What the interpreter's own compiler says to a definition without errors: it knows what is not built."""
    try:
        parse(text)
    except DefinitionError as error:
        return [Diagnostic("ERROR", SCHEMA, error.reason, error.location or "/")]
    return []


def placed(found: Diagnostic, line: int, column: int) -> Diagnostic:
    """The diagnostic with its place in the file."""
    return msgspec.structs.replace(found, line=line, column=column)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="FILE|FOLDER", nargs="+", help="definitions, templates, or folders of them")
    json_flag(parser)


def _run(args: argparse.Namespace) -> int:
    config = config_of(args)
    findings: list[Finding] = []
    files: set[str] = set()
    listed: list[tuple[str, Listed]] = []
    for path in args.paths:
        checked, found = check_path(path, config)
        files |= checked
        findings += found
        listed += resources_of(path, config)
    wrong = sum(found.diagnostic.severity == "ERROR" for found in findings)
    if args.json:
        print_json([*(_plain(found) for found in findings), *(_plain_resource(*each) for each in listed)])
    else:
        for each in findings:
            print(each)
        for file, one in listed:
            print(f"{file}:{one.line}: {one.resource} ({one.type}) {one.verdict}{f': {one.note}' if one.note else ''}")
        complain(f"{_number(len(files), 'file')}: {_number(wrong, 'error')}, "
                 f"{_number(len(findings) - wrong, 'warning')}")  # fmt: skip
    return FAILED if wrong else OK


def resources_of(path: str, config: Config) -> list[tuple[str, Listed]]:
    """What the templates below a folder hold, and what the daemon would make of it."""
    folder = os.path.dirname(path) or "." if os.path.basename(path) in TEMPLATES else path
    if not os.path.isdir(folder):
        return []
    projects = _scanner(folder, config).scan().projects
    return [(os.path.join(folder, source), one) for source, listed in projects.items() for one in listed]


def _plain_resource(file: str, one: Listed) -> dict[str, object]:
    """Beside the findings, as one that is neither an error nor a warning."""
    place = {"file": file, "line": one.line, "column": 1, "severity": "INFO", "code": "RESOURCE"}
    facts = {"message": one.note, "resource": one.resource, "type": one.type, "name": one.name, "status": one.verdict}
    return {**place, **facts}


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _plain(found: Finding) -> dict[str, object]:
    each = found.diagnostic
    plain = {"file": found.path, "line": max(1, each.line), "column": max(1, each.column), "severity": each.severity}
    return {
        **plain,
        "code": each.code,
        "message": each.message,
        **({"location": each.location} if each.location else {}),
    }


def check_path(path: str, config: Config) -> tuple[set[str], list[Finding]]:
    """The files that a path stands for, and what is to be said about them. Raises CommandError if there are none."""
    if os.path.isdir(path):
        return check_folder(path, config)
    if path.endswith(".py"):
        return {path}, check_workflows(path)
    if os.path.basename(path) in TEMPLATES:
        return check_folder(os.path.dirname(path) or ".", config)
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8: byte {error.start}"
        return {path}, [Finding(path, Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", message))]
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    text, _ = substitute(text, dict(config.substitutions))
    return {path}, [
        Finding(path, found) for found in check_definition(text, path.endswith(YAML), services=config.cloud.services)
    ]


def check_workflows(path: str) -> list[Finding]:
    """A Python file with code-first workflows: syntax, declarations and what is not the same at every replay."""
    if not os.path.isfile(path):
        raise CommandError(f"cannot read {path}: there is no such file")
    try:
        read_sources(Path(path))
    except NotLoadable as error:
        folder = os.path.dirname(path)
        return [
            Finding(
                os.path.join(folder, each.path),
                Diagnostic("ERROR", each.code, each.message, None, each.line, each.column),
            )
            for each in error.findings
        ]
    return []


def check_folder(folder: str, config: Config) -> tuple[set[str], list[Finding]]:
    """A folder as the daemon reads it: definitions, projects with a template, functions."""
    try:
        snapshot = _scanner(folder, config).scan()
    except OSError as error:
        raise CommandError(f"cannot read {folder}: {error.strerror}") from None
    files = {os.path.join(folder, report.path) for report in snapshot.files}
    files |= {os.path.join(folder, machine.path) for machine in snapshot.machines}
    if not files:
        raise CommandError(
            f"{folder} holds nothing that flowd would load (NAME.asl.json, NAME.asl.yaml, template.yaml)"
        )
    findings = [
        Finding(os.path.join(folder, report.path), found) for report in snapshot.files for found in report.diagnostics
    ]
    findings += _machines(folder, snapshot.machines, config.cloud.services)
    return files, sorted(findings, key=lambda found: (found.path, found.diagnostic.line, found.diagnostic.column))


def _scanner(folder: str, config: Config) -> Scanner:
    return Scanner(
        os.path.abspath(folder),
        region=config.region,
        account=config.account,
        substitutions=config.substitutions,
        parameters=config.parameters,
        site=site_of(config),
        front=config.http.base_url,
    )


def _machines(folder: str, machines: Iterable[MachineFile], services: Mapping[str, str]) -> Iterator[Finding]:
    for machine in machines:
        path = os.path.join(folder, machine.path)
        for found in check_definition(machine.text, machine.yaml, machine.type, services):
            if machine.sam is not None:  # the text was made from the template: its places are the template's
                mark = machine.sam.locate(found.location)
                yield Finding(path, placed(found, mark.line, mark.column))
            else:
                yield Finding(path, found)


COMMANDS = {"check": Command("validate definitions, without a daemon", _arguments, _run)}
