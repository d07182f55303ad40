"""One check per field of a state, in a table. What a field may hold, never how fields go together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flowd.asl import schema
from flowd.asl.diagnostics import (
    DUPLICATE_LABEL,
    INVALID_LABEL,
    INVALID_VARIABLE,
    PASS_RESULT_IS_STATIC,
    RESERVED_VARIABLE,
    Report,
    ResourceCheck,
    at,
)
from flowd.asl.validate_data import (
    check_enum,
    check_fields,
    check_jsonata,
    check_number,
    check_path,
    check_path_or_intrinsic,
    check_result_path,
    check_single_path,
    check_template,
    check_timestamp,
    expect,
    expression,
    warn_if_path,
)
from flowd.asl.validate_resources import check_resource

_STRING_FUNCTIONS: Final = frozenset(
    f"States.{name}"
    for name in ("Format", "JsonToString", "ArrayGetItem", "Base64Encode", "Base64Decode", "Hash", "UUID")
)
_LABEL_FORBIDDEN = re.compile(r'[\s*?"#%:;/\\<>{}\[\]^|~`$&,\x00-\x1f\x7f-\x9f]')


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for the whole definition."""

    report: Report
    language: str
    express: bool
    resources: ResourceCheck | None
    states: dict[str, str]  # name -> where it was first seen
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Here:
    """The state that is being looked at."""

    run: Run
    type: str
    language: str
    location: str
    state: dict[str, Any]

    @property
    def report(self) -> Report:
        return self.run.report

    @property
    def is_jsonata(self) -> bool:
        return self.language == schema.JSONATA

    @property
    def has_result(self) -> bool:
        """True if $states.result exists in the state's own Output and Assign."""
        return self.type in ("Task", "Parallel", "Map")


Check = Callable[[Here, str, Any, str], None]


def is_identifier(name: str) -> bool:
    """True for the name of a variable: ID_Start, then ID_Continue, at most 80 characters, not `states`."""
    return 0 < len(name) <= 80 and name.isidentifier() and not name.startswith("_") and name.lower() != "states"


def check_assign(here: Here, value: Any, location: str, *, result: bool, error: bool = False) -> None:
    """An Assign object: names of whole variables, values as in a template of the state's language."""
    report = here.report
    if not expect(report, value, "Object", location):
        return
    for key in value:
        name = key[:-2] if key.endswith(".$") and not here.is_jsonata else key
        if name.lower() == "states":
            report.error(f"Cannot assign to reserved variable '${name}'.", at(location, key), RESERVED_VARIABLE)
        elif not is_identifier(name):
            wrong = "exceeds the 80-character limit allowed by the service"
            if len(name) <= 80:
                wrong = "the variable name contains invalid characters."
            report.error(f"Invalid variable name '{name}': {wrong}", at(location, key), INVALID_VARIABLE)
    if here.is_jsonata:
        check_jsonata(report, value, location, result=result, error=error)
    else:
        check_template(report, value, location)


def check_outputs(here: Here, value: dict[str, Any], location: str, *, result: bool, error: bool = False) -> None:
    """Output and Assign of a state, a Choice rule or a catcher, where the language has them."""
    if here.is_jsonata and "Output" in value:
        check_jsonata(here.report, value["Output"], at(location, "Output"), result=result, error=error)
    if "Assign" in value:
        check_assign(here, value["Assign"], at(location, "Assign"), result=result, error=error)


def check_language(here: Here, fields: dict[str, Any], location: str) -> None:
    """Report fields of the other query language."""
    foreign = schema.JSONPATH_ONLY if here.is_jsonata else schema.JSONATA_ONLY
    for name in fields:
        if name in foreign:
            here.report.error(foreign_field(here, name), location)


def foreign_field(here: Here, name: str) -> str:
    """What is said of a field of the other query language."""
    other = schema.JSONPATH if here.is_jsonata else schema.JSONATA
    return (
        f"The QueryLanguage is set to '{here.language}', but field '{name}' is only supported "
        f"for the '{other}' QueryLanguage"
    )


def check_twins(here: Here, fields: dict[str, Any], location: str) -> None:
    """Report a literal together with the field that would replace it."""
    for pair in schema.TWINS:
        if pair[0] in fields and pair[1] in fields:
            here.report.error(f"There should only be one of the following fields: [{', '.join(pair)}]", location)


def _string(here: Here, name: str, value: Any, location: str) -> None:
    expect(here.report, value, "String", location)


def _boolean(here: Here, name: str, value: Any, location: str) -> None:
    expect(here.report, value, "Boolean", location)


def _literal(here: Here, name: str, value: Any, location: str) -> None:
    if here.is_jsonata:
        check_jsonata(here.report, value, location)
    else:
        warn_if_path(here.report, name, value, location)
    expect(here.report, value, "String", location)


def _result(here: Here, name: str, value: Any, location: str) -> None:
    # Recorded: keys that end in `.$` are not evaluated in Result.
    if isinstance(value, dict) and any(key.endswith(".$") for key in value):
        here.report.warn("Result is taken literally: use Parameters to read paths", location, PASS_RESULT_IS_STATIC)


def number(here: Here, name: str, value: Any, location: str) -> None:
    """A number of the table, or in JSONata an expression that gives one."""
    if here.is_jsonata and expression(value) is not None:
        check_jsonata(here.report, value, location)
    else:
        check_number(here.report, name, value, location)


def _timestamp(here: Here, name: str, value: Any, location: str) -> None:
    if here.is_jsonata and expression(value) is not None:
        check_jsonata(here.report, value, location)
    else:
        check_timestamp(here.report, value, location)


def _path(here: Here, name: str, value: Any, location: str) -> None:
    if value is not None:
        check_path(here.report, name, value, location)


def _result_path(here: Here, name: str, value: Any, location: str) -> None:
    if value is not None:
        check_result_path(here.report, name, value, location)


def single_path(here: Here, name: str, value: Any, location: str) -> None:
    """A path to one node."""
    check_single_path(here.report, name, value, location)


def data_path(here: Here, name: str, value: Any, location: str) -> None:
    """A path to one node, as the numbers of a Map take it: not of the Context object (floci issue 3733, on AWS)."""
    check_single_path(here.report, name, value, location, context=False)


def _error_path(here: Here, name: str, value: Any, location: str) -> None:
    check_path_or_intrinsic(here.report, name, value, location, _STRING_FUNCTIONS)


def template(here: Here, name: str, value: Any, location: str) -> None:
    """A template of the state's language in which no result exists yet."""
    if here.is_jsonata:
        check_jsonata(here.report, value, location)
    else:
        check_template(here.report, value, location)


def _items(here: Here, name: str, value: Any, location: str) -> None:
    if not isinstance(value, list | dict) and expression(value) is None:
        here.report.error("Expected value of type Array, Object or a JSONata expression", location)
    check_jsonata(here.report, value, location)


def _resource(here: Here, name: str, value: Any, location: str) -> None:
    if expect(here.report, value, "String", location):
        check_resource(here.report, value, location, express=here.run.express, check=here.run.resources)


def _credentials(here: Here, name: str, value: Any, location: str) -> None:
    if not expect(here.report, value, "Object", location):
        return
    if "RoleArn" not in value and (here.is_jsonata or "RoleArn.$" not in value):
        here.report.error("The field 'RoleArn' is required but was missing", location)
        return
    check_fields(here.report, value, frozenset({"RoleArn", "RoleArn.$"}), location)
    template(here, name, value, location)


def _label(here: Here, name: str, value: Any, location: str) -> None:
    report = here.report
    if not expect(report, value, "String", location):
        return
    if len(value) > 40:
        text = f"The label '{value}' exceeds the 40-character limit allowed by the service"
        report.error(text, location, INVALID_LABEL)
    elif not value or _LABEL_FORBIDDEN.search(value):
        report.error("A label has 1 to 40 characters, without blanks and special characters", location, INVALID_LABEL)
    elif value in here.run.labels:
        report.error(f"Duplicate Label name: {value}", location, DUPLICATE_LABEL)
    here.run.labels.setdefault(value, location)


def _query_language(here: Here, name: str, value: Any, location: str) -> None:
    check_enum(here.report, name, value, location)


_TIMES = ("Seconds", "TimeoutSeconds", "HeartbeatSeconds")
_MAP_NUMBERS = ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")

FIELDS: Final[dict[str, Check]] = {
    **dict.fromkeys((*_TIMES, *_MAP_NUMBERS), number),
    **dict.fromkeys((f"{name}Path" for name in _TIMES), single_path),
    **dict.fromkeys((f"{name}Path" for name in _MAP_NUMBERS), data_path),
    "TimestampPath": single_path,
    "ItemsPath": single_path,
    "ErrorPath": _error_path,
    "CausePath": _error_path,
    "InputPath": _path,
    "OutputPath": _path,
    "ResultPath": _result_path,
    "Comment": _string,
    "Next": _string,
    "Default": _string,
    "End": _boolean,
    "QueryLanguage": _query_language,
    "Error": _literal,
    "Cause": _literal,
    "Timestamp": _timestamp,
    "Parameters": template,
    "ResultSelector": template,
    "ItemSelector": template,
    "Arguments": template,
    "Items": _items,
    "Result": _result,
    "Resource": _resource,
    "Credentials": _credentials,
    "Label": _label,
}
