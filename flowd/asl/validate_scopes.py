"""Scopes and states: a machine, a branch and a processor are checked by the same function, which calls itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowd.asl import schema
from flowd.asl.diagnostics import DUPLICATE_STATE, INVALID_STATE_NAME, at
from flowd.asl.validate_data import check_enum, check_fields, expect, is_type, require
from flowd.asl.validate_fields import FIELDS, Here, Run, check_language, check_outputs, check_twins
from flowd.asl.validate_flow import check_flow
from flowd.asl.validate_maps import check_map_parts, check_processor_config, is_distributed
from flowd.asl.validate_parts import check_call, check_catch, check_choices, check_list, check_retry
from flowd.asl.validate_variables import NO_VARIABLES, check_variables, visible


def check_scope(run: Run, scope: dict[str, Any], location: str, outer: frozenset[str]) -> None:
    """One StartAt and States with all below; `outer` = variables that can exist around it."""
    complete = require(run.report, scope, ("States", "StartAt"), location)
    if "StartAt" in scope:
        complete &= expect(run.report, scope["StartAt"], "String", at(location, "StartAt"))
    if "States" not in scope:
        return
    base = at(location, "States")
    if not expect(run.report, scope["States"], "Object", base):
        return
    if not scope["States"]:
        run.report.error("Value cannot be empty", base)
        return
    check_variables(run.report, scope["States"], base, outer)
    inner = visible(scope["States"], outer)
    for name, state in scope["States"].items():
        _check_name(run, name, at(base, name))
        if expect(run.report, state, "Object", at(base, name)):
            check_state(run, state, at(base, name), inner.get(name, outer))
    if complete:
        check_flow(run.report, scope, location)


def _check_name(run: Run, name: str, location: str) -> None:
    if not name:
        run.report.error("The name of a state has 1 to 80 characters", location, INVALID_STATE_NAME)
    if len(name) > 80:
        message = f"The state name '{name}' exceeds the 80-character limit allowed by the service"
        run.report.error(message, location, INVALID_STATE_NAME)
    if name in run.states:
        run.report.error(f"Duplicate State name: {name}", location, DUPLICATE_STATE)
    run.states.setdefault(name, location)


# --- states ----------------------------------------------------------------------------------------------------------


def check_state(run: Run, state: dict[str, Any], location: str, variables: frozenset[str]) -> None:
    """One state and the scopes inside of it."""
    if not require(run.report, state, ("Type",), location):
        return
    kind = state["Type"]
    if not isinstance(kind, str) or kind not in schema.STATES:
        values = ", ".join(schema.STATE_TYPES)
        run.report.error(f"The field 'Type' should have one of these values: [{values}]", at(location, "Type"))
        return
    here = Here(run, kind, _language(run, state), location, state)
    if run.language == schema.JSONATA and state.get("QueryLanguage") == schema.JSONPATH:
        run.report.error("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", location)
    check_fields(run.report, state, schema.STATES[kind], location)
    check_language(here, {name: None for name in state if name in schema.STATES[kind]}, location)
    check_twins(here, state, location)
    foreign = schema.JSONPATH_ONLY if here.is_jsonata else schema.JSONATA_ONLY
    for name, value in state.items():
        check = FIELDS.get(name)
        if check is not None and name in schema.STATES[kind] and name not in foreign:
            check(here, name, value, at(location, name))
    check_outputs(here, {n: v for n, v in state.items() if n in schema.STATES[kind]}, location, result=here.has_result)
    _check_end(here)
    _check_kind(here, variables)


def _language(run: Run, state: dict[str, Any]) -> str:
    # Observed: only the exact word makes a state JSONPath; every other value counts as JSONata (and is reported).
    return schema.JSONPATH if state.get("QueryLanguage", run.language) == schema.JSONPATH else schema.JSONATA


def _check_end(here: Here) -> None:
    state = here.state
    if "Next" not in schema.STATES[here.type]:
        return
    if "Next" in state and state.get("End") is True:
        here.report.error("There should only be one of the following fields: [Next, End]", here.location)
    elif "Next" not in state and state.get("End") is not True:
        here.report.error("This object should have only one of the following fields: [Next, End]", here.location)


def _check_kind(here: Here, variables: frozenset[str]) -> None:
    state, location, report = here.state, here.location, here.report
    if here.type in ("Task", "Parallel", "Map"):
        if "Retry" in state:
            check_retry(here, state["Retry"], at(location, "Retry"))
        if "Catch" in state:
            check_catch(here, state["Catch"], at(location, "Catch"))
    if here.type == "Task":
        _check_task(here)
    elif here.type == "Wait":
        _check_wait(here)
    elif here.type == "Choice" and require(report, state, ("Choices",), location):
        check_choices(here, state["Choices"], at(location, "Choices"))
    elif here.type == "Parallel" and require(report, state, ("Branches",), location):
        for branch, place in check_list(report, state["Branches"], at(location, "Branches")):
            check_fields(report, branch, schema.BRANCH, place)
            check_scope(here.run, branch, place, variables)
    elif here.type == "Map":
        _check_map(here, variables)


def _check_task(here: Here) -> None:
    state = here.state
    if require(here.report, state, ("Resource",), here.location) and isinstance(state["Resource"], str):
        check_call(here, state["Resource"])
    timeout: Any = state.get("TimeoutSeconds")
    heartbeat: Any = state.get("HeartbeatSeconds")
    if is_type(timeout, "Integer") and is_type(heartbeat, "Integer") and heartbeat >= timeout:
        here.report.error("HeartbeatSeconds must be smaller than TimeoutSeconds", at(here.location, "HeartbeatSeconds"))


def _check_wait(here: Here) -> None:
    found = [name for name in schema.WAITS if name in here.state]
    names = ", ".join(name for name in schema.WAITS if not (here.is_jsonata and name in schema.JSONPATH_ONLY))
    if len(found) > 1:
        here.report.error(f"There should only be one of the following fields: [{names}]", here.location)
    elif not found:
        here.report.error(f"This object should have only one of the following fields: [{names}]", here.location)


def _check_map(here: Here, variables: frozenset[str]) -> None:
    name = "Iterator" if "Iterator" in here.state and "ItemProcessor" not in here.state else "ItemProcessor"
    processor = here.state.get(name)
    distributed = is_distributed(processor)
    check_map_parts(here, distributed)
    if name not in here.state:
        text = "This object should have only one of the following fields: [ItemProcessor, Iterator]"
        here.report.error(text, here.location)
        return
    place = at(here.location, name)
    if not expect(here.report, processor, "Object", place) or not isinstance(processor, dict):
        return
    check_fields(here.report, processor, schema.PROCESSOR, place)
    if "ProcessorConfig" in processor:
        check_processor_config(here, processor["ProcessorConfig"], at(place, "ProcessorConfig"))
    # The children of a Distributed Map are executions of their own: they do not see the variables around them.
    check_scope(_run_inside(here.run, processor), processor, place, NO_VARIABLES if distributed else variables)


def _run_inside(run: Run, processor: dict[str, Any]) -> Run:
    """EXPRESS children are held to what an EXPRESS machine is held to."""
    express = is_distributed(processor) and processor["ProcessorConfig"].get("ExecutionType") == "EXPRESS"
    return replace(run, express=True) if express else run


def check_machine(run: Run, machine: dict[str, Any]) -> None:
    """The whole definition."""
    check_fields(run.report, machine, schema.MACHINE, "/")
    if "QueryLanguage" in machine:
        check_enum(run.report, "QueryLanguage", machine["QueryLanguage"], "/QueryLanguage")
    if "Version" in machine:
        check_enum(run.report, "Version", machine["Version"], "/Version")
    here = Here(run, "", run.language, "/", machine)
    for name in ("Comment", "TimeoutSeconds"):
        if name in machine and not (
            name == "TimeoutSeconds" and machine[name] == 0
        ):  # measured: 0 is accepted, as none
            FIELDS[name](here, name, machine[name], at("/", name))
    check_scope(run, machine, "/", NO_VARIABLES)
