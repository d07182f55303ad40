"""Is this text a definition that can run? The entry to the validator: text in, diagnostics out, never an exception.

A check is a function from a part of the definition to diagnostics; the tables are in schema, the rules in validate_*.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowd.asl import schema
from flowd.asl.diagnostics import Diagnostic, Report, ResourceCheck, at, errors
from flowd.asl.positions import read_json
from flowd.asl.resources import split_resource
from flowd.asl.validate_fields import Run
from flowd.asl.validate_scopes import check_machine
from flowd.questions import misnamed

__all__ = ["Diagnostic", "ResourceCheck", "advise", "errors", "invalid_definition_message", "validate"]


def validate(text: str, *, type: str = "STANDARD", resources: ResourceCheck | None = None) -> list[Diagnostic]:
    """All that is wrong with a definition (ERROR) or doubtful in AWS's own eyes (WARNING), in the service's order.

    `type` is STANDARD or EXPRESS; `resources` tells why a Task cannot run here (None = do not check).
    """
    report = Report()
    if not text.strip(" \t\r\n"):
        # Recorded: no location, and not INVALID_JSON_DESCRIPTION.
        report.error("Definition must be a valid JSON object", None)
        return report.found
    definition, problems = read_json(text)
    if problems:
        return problems
    if not isinstance(definition, dict):
        report.error("Definition must be a valid JSON object", None)
        return report.found
    language = definition.get("QueryLanguage", schema.JSONPATH)
    run = Run(
        report,
        schema.JSONPATH if language == schema.JSONPATH else schema.JSONATA,
        type == "EXPRESS",
        resources,
        {},
        {},
    )
    check_machine(run, definition)
    return report.found


def invalid_definition_message(diagnostics: list[Diagnostic]) -> str:
    """The text of CreateStateMachine's InvalidDefinition: every error as `CODE: message at location` (recorded; an
    absent location is written `null`)."""
    parts = (f"{d.code}: {d.message} at {d.location or 'null'}" for d in errors(diagnostics))
    return f"Invalid State Machine Definition: '{', '.join(parts)}'"


def advise(text: str) -> list[Diagnostic]:
    """Warnings of our own for `flowd check`: what is legal but has surprised people. Empty if the text is no JSON."""
    definition, problems = read_json(text)
    report = Report()
    if problems or not isinstance(definition, dict):
        return report.found
    for state, location in states(definition):
        _advise_choice(report, state, location)
        _advise_task(report, state, location)
        _advise_prompt(report, state, location)
    return report.found


def states(scope: Any, location: str = "/") -> Iterator[tuple[dict[str, Any], str]]:
    """Every state of a definition with its location, nested ones after the one that holds them."""
    members = scope.get("States") if isinstance(scope, dict) else None
    for name, state in members.items() if isinstance(members, dict) else ():
        if not isinstance(state, dict):
            continue
        place = at(location, "States", name)
        yield state, place
        branches = state.get("Branches")
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from states(branch, at(place, "Branches", index))
        for processor in ("ItemProcessor", "Iterator"):
            yield from states(state.get(processor), at(place, processor))


def _advise_choice(report: Report, state: dict[str, Any], location: str) -> None:
    if state.get("Type") == "Choice" and "Default" not in state:
        report.warn("Choice without Default: an input that no rule matches fails with States.Runtime", location)


def _advise_task(report: Report, state: dict[str, Any], location: str) -> None:
    if state.get("Type") != "Task":
        return
    limits = ("TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath")
    if any(name in state for name in limits):
        return
    resource = split_resource(str(state.get("Resource")))
    if resource is not None and (resource.family == "activity" or resource.pattern == "waitForTaskToken"):
        report.warn(
            "This Task waits for somebody outside without TimeoutSeconds or HeartbeatSeconds: "
            "a lost answer holds the execution for up to a year",
            location,
        )


def _advise_prompt(report: Report, state: dict[str, Any], location: str) -> None:
    """A question reaches people as far as it makes sense (`questions`); here its author hears of the rest."""
    resource = split_resource(str(state.get("Resource")))
    if state.get("Type") != "Task" or resource is None or resource.family != "activity":
        return
    for given in ("Parameters", "Arguments"):
        members = state.get(given)
        prompt = members.get("Prompt") if isinstance(members, dict) else None
        for name in misnamed(prompt) if isinstance(prompt, dict) else ():
            report.warn(
                f"{name} of a Prompt is a name or a list of names; what is none does not count",
                at(location, given, "Prompt", name),
            )
