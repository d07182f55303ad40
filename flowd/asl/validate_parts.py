"""The parts of states: Choice rules, Retry and Catch, and the resource that a Task calls. Those of a Map are in
`validate_maps`."""

from __future__ import annotations

from typing import Any

from flowd.asl import schema
from flowd.asl.diagnostics import Report, at
from flowd.asl.resources import split_resource
from flowd.asl.validate_data import (
    check_enum,
    check_fields,
    check_jsonata,
    check_number,
    check_path,
    check_result_path,
    check_single_path,
    check_timestamp,
    expect,
    expression,
    is_type,
    require,
    warn_if_path,
)
from flowd.asl.validate_fields import (
    Here,
    check_language,
    check_outputs,
    foreign_field,
)

_ALL_ERRORS = "States.ALL"
_ALL_ALONE = "States.ALL must appear alone and at end of list"


def check_list(report: Report, value: Any, location: str) -> list[tuple[dict[str, Any], str]]:
    """The objects of a list that must not be empty, each with its location; what is no object is reported."""
    if not expect(report, value, "Array", location):
        return []
    if not value:
        report.error("Value cannot be empty", location)
    places = [(member, at(location, index)) for index, member in enumerate(value)]
    return [(member, place) for member, place in places if expect(report, member, "Object", place)]


# --- Choice ----------------------------------------------------------------------------------------------------------


def check_choices(here: Here, value: Any, location: str) -> None:
    """The rules of a Choice state."""
    for rule, place in check_list(here.report, value, location):
        if here.is_jsonata:
            _check_jsonata_rule(here, rule, place)
        else:
            _check_test(here, rule, place, top=True)
        if require(here.report, rule, ("Next",), place):
            expect(here.report, rule["Next"], "String", at(place, "Next"))
        check_outputs(here, rule, place, result=False)


def _check_jsonata_rule(here: Here, rule: dict[str, Any], location: str) -> None:
    tests = frozenset({"Variable", *schema.OPERATORS, *schema.BOOLEAN_OPERATORS})
    for name in rule:
        if name in tests:
            here.report.error(foreign_field(here, name), location)
    check_fields(here.report, rule, tests | {"Condition", "Next", "Assign", "Output", "Comment"}, location)
    if not require(here.report, rule, ("Condition",), location):
        return
    condition = rule["Condition"]
    if expression(condition) is not None:
        check_jsonata(here.report, condition, at(location, "Condition"))
    elif not is_type(condition, "Boolean"):
        here.report.error("Expected value of type Boolean or a JSONata expression", at(location, "Condition"))


def _check_test(here: Here, rule: dict[str, Any], location: str, *, top: bool) -> None:
    """One data test or And/Or/Not; Next, Assign and Output belong to the rule at the top."""
    report = here.report
    check_language(here, rule, location)
    operators = [name for name in rule if name in schema.OPERATORS or name in schema.BOOLEAN_OPERATORS]
    allowed = {"Comment", "Variable", "Condition", "Output", *operators} | ({"Next", "Assign"} if top else set())
    check_fields(report, rule, frozenset(allowed), location)
    kinds = [name for name in ("And", "Or", "Not", "Variable", "Condition") if name in rule]
    if len(kinds) != 1:
        text = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]"
        report.error(text, location)
        return
    if len(operators) != 1 and "Condition" not in rule:
        some = f"There should only be one of the following fields: [{', '.join(operators)}]"
        none = f"This object should have only one of the following fields: [{', '.join(schema.OPERATORS)}]"
        report.error(some if operators else none, location)
    if len(operators) != 1:
        return
    operator = operators[0]
    if operator in schema.BOOLEAN_OPERATORS:
        _check_combination(here, operator, rule, location)
    elif require(report, rule, ("Variable",), location):
        if _begins(report, rule["Variable"], at(location, "Variable")):
            check_path(report, "Variable", rule["Variable"], at(location, "Variable"))
        _check_operand(here, operator, rule[operator], at(location, operator))


def _check_combination(here: Here, operator: str, rule: dict[str, Any], location: str) -> None:
    place = at(location, operator)
    if operator != "Not":
        for inner, inner_place in check_list(here.report, rule[operator], place):
            _check_test(here, inner, inner_place, top=False)
    elif expect(here.report, rule["Not"], "Object", place):
        _check_test(here, rule["Not"], place, top=False)


def _begins(report: Report, path: Any, location: str) -> bool:
    if isinstance(path, str) and not path.startswith("$"):
        report.error("Value is not a Reference Path: Reference path didn't start with '$'", location)
        return False
    return True


def _check_operand(here: Here, operator: str, value: Any, location: str) -> None:
    kind = schema.OPERATORS[operator]
    if kind == "path":
        if _begins(here.report, value, location):
            check_single_path(here.report, operator, value, location)
    elif kind == "Timestamp":
        check_timestamp(here.report, value, location)
    elif expect(here.report, value, {"Numeric": "Number"}.get(kind, kind), location) and kind == "String":
        if operator != "StringMatches":
            warn_if_path(here.report, operator, value, location)


# --- Task ------------------------------------------------------------------------------------------------------------


def check_call(here: Here, resource: str) -> None:
    """What goes with a Task's Resource: an activity has no Credentials, a call of a service says what to call with."""
    report, state = here.report, here.state
    call = split_resource(resource)
    if call is None or any(found.location == at(here.location, "Resource") for found in report.found):
        return
    if call.family == "activity" and "Credentials" in state:
        report.error("The field 'Credentials' is not supported for activities", at(here.location, "Credentials"))
    if call.family != "task" or call.service == "flowd":
        return
    name = "Arguments" if here.is_jsonata else "Parameters"
    if name not in state:
        report.error(f"{name} field is required for resource ARN: {resource}", here.location)
    elif isinstance(state[name], dict):
        for member in schema.NEEDED.get((call.service, call.action), ()):
            if member not in state[name] and (here.is_jsonata or f"{member}.$" not in state[name]):
                report.error(f"The field '{member}' is required but was missing", at(here.location, name))


# --- Retry and Catch -------------------------------------------------------------------------------------------------


def check_retry(here: Here, value: Any, location: str) -> None:
    """The retriers of a state; an empty list is legal and means none."""
    report = here.report
    if value == []:
        return
    for retrier, place in check_list(report, value, location):
        check_fields(report, retrier, schema.RETRIER, place)
        _check_error_equals(report, retrier, place)
        for name in ("IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"):
            if name in retrier:
                check_number(report, name, retrier[name], at(place, name))
        if "JitterStrategy" in retrier:
            check_enum(report, "JitterStrategy", retrier["JitterStrategy"], at(place, "JitterStrategy"))
        _check_delays(report, retrier, place)
    _check_wildcards(report, value, location)


def _check_delays(report: Report, retrier: dict[str, Any], location: str) -> None:
    longest: Any = retrier.get("MaxDelaySeconds")
    first: Any = retrier.get("IntervalSeconds", 1)
    if is_type(longest, "Integer") and is_type(first, "Integer") and longest <= first and longest > 0:
        report.error("MaxDelaySeconds must be greater than IntervalSeconds", at(location, "MaxDelaySeconds"))


def check_catch(here: Here, value: Any, location: str) -> None:
    """The catchers of a state; an empty list is legal and means none."""
    report = here.report
    if value == []:
        return
    for catcher, place in check_list(report, value, location):
        check_fields(report, catcher, schema.CATCHER, place)
        check_language(here, catcher, place)
        _check_error_equals(report, catcher, place)
        if require(report, catcher, ("Next",), place):
            expect(report, catcher["Next"], "String", at(place, "Next"))
        if not here.is_jsonata and catcher.get("ResultPath") is not None:
            check_result_path(report, "ResultPath", catcher["ResultPath"], at(place, "ResultPath"))
        check_outputs(here, catcher, place, result=False, error=True)
    _check_wildcards(report, value, location)


def _check_error_equals(report: Report, handler: dict[str, Any], location: str) -> None:
    if not require(report, handler, ("ErrorEquals",), location):
        return
    names, place = handler["ErrorEquals"], at(location, "ErrorEquals")
    if not expect(report, names, "Array", place):
        return
    if not names:
        report.error("Value cannot be empty", place)
    for index, name in enumerate(names):
        expect(report, name, "String", at(place, index))
    if _ALL_ERRORS in names and len(names) > 1:
        report.error(_ALL_ALONE, place)


def _check_wildcards(report: Report, handlers: Any, location: str) -> None:
    for index, handler in enumerate(handlers[:-1] if isinstance(handlers, list) else ()):
        names = handler.get("ErrorEquals") if isinstance(handler, dict) else None
        if names == [_ALL_ERRORS]:
            report.error(_ALL_ALONE, at(location, index, "ErrorEquals"))
