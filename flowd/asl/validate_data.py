"""Checks of values that read or shape data: paths, payload templates, JSONata, numbers, plain types.

Each check looks at one value and reports; it knows neither states nor scopes.
"""

from __future__ import annotations

import re
from typing import Any, Final

from flowd.asl import jsonata
from flowd.asl.diagnostics import INVALID_JSONATA, NO_DOLLAR, NO_PATH, UNSUPPORTED_JSONATA, Report, at
from flowd.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic, is_intrinsic
from flowd.asl.paths import Path, PathSyntaxError, compile_path, compile_reference
from flowd.asl.schema import ENUMS, NUMBERS
from flowd.asl.timestamps import parse_timestamp

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "String": str,
    "Object": dict,
    "Array": list,
    "Boolean": bool,
    "Number": (int, float),
    "Integer": int,
}

_CODE = re.compile(r"[A-Z]\d{4}: ")


def is_type(value: Any, name: str) -> bool:
    """True if a JSON value has this JSON type; true and false are no numbers."""
    if isinstance(value, bool):
        return name == "Boolean"
    return isinstance(value, _TYPES[name])


def expect(report: Report, value: Any, name: str, location: str) -> bool:
    """Report a value of another JSON type (text seen in answers of the service)."""
    if is_type(value, name):
        return True
    report.error(f"Expected value of type {name}", location)
    return False


def check_fields(report: Report, value: dict[str, Any], allowed: frozenset[str], location: str) -> None:
    """Report the members that do not belong here."""
    for name in value:
        if name not in allowed:
            report.error(f"Field '{name}' is not supported", location)


def require(report: Report, value: dict[str, Any], names: tuple[str, ...], location: str) -> bool:
    """Report the required fields that are missing, in one diagnostic as the service does."""
    missing = [name for name in names if name not in value]
    if missing:
        report.error(f"These fields are required: [{', '.join(missing)}]", location)
    return not missing


def check_enum(report: Report, name: str, value: Any, location: str) -> bool:
    """Report a value outside the closed set of field `name`."""
    return check_one_of(report, ENUMS[name], value, location)


def check_one_of(report: Report, values: tuple[str, ...], value: Any, location: str) -> bool:
    """Report a value that is none of these."""
    if value in values and isinstance(value, str):
        return True
    among = f"Value should be one of the following: [{', '.join(values)}]"
    report.error(among if isinstance(value, str) else "Expected value of type [STRING]", location)
    return False


def check_number(report: Report, name: str, value: Any, location: str) -> bool:
    """Report a number of the wrong kind or outside the range of field `name`."""
    low, high, whole = NUMBERS[name]
    if not expect(report, value, "Integer" if whole else "Number", location):
        return False
    if value < low:
        report.error(f"Minimum value is {low}", location)
    elif value > high:
        report.error(f"Maximum value is {high}", location)
    else:
        return True
    return False


def check_timestamp(report: Report, value: Any, location: str) -> None:
    """Report a literal that is no RFC 3339 time (recorded: a missing T or zone is refused)."""
    if not expect(report, value, "String", location):
        return
    if parse_timestamp(value) is None:
        report.error("String does not match RFC3339 timestamp", location)


def warn_if_path(report: Report, name: str, value: Any, location: str) -> None:
    """Warn of a literal that looks like a path where only a twin field would read one."""
    if isinstance(value, str) and value.startswith(("$.", "$$.")):
        report.warn(
            f"The value of '{name}' looks like a path but is taken literally: use '{name}Path'", location, NO_PATH
        )


# --- paths -----------------------------------------------------------------------------------------------------------


def check_path(report: Report, name: str, value: Any, location: str) -> Path | None:
    """Report what is no path; null is for the caller."""
    if not expect(report, value, "String", location):
        return None
    if not value.startswith("$"):
        report.error("Value must be a valid JSONPath.", location)
        return None
    try:
        return compile_path(value)
    except PathSyntaxError as error:
        report.error(f"The value for the field '{name}' must be a valid JSONPath: {error}", location)
    return None


def check_single_path(report: Report, name: str, value: Any, location: str, *, context: bool = True) -> None:
    """A path that names one node, of the state's data, a variable or (`context`) the Context object."""
    path = check_path(report, name, value, location)
    if path is not None and (not path.definite or (value.startswith("$$") and not context)):
        report.error("Value is not a Reference Path", location)


def check_result_path(report: Report, name: str, value: Any, location: str) -> None:
    """A place in the state's own data: no Context object, no variable."""
    if not expect(report, value, "String", location):
        return
    if not value.startswith("$"):
        report.error("Value must be a valid JSONPath.", location)
        return
    try:
        compile_reference(value)
    except PathSyntaxError as error:
        report.error(f"Value is not a Reference Path: {error}", location)
        return
    if value != "$" and value[1:2] not in (".", "["):
        report.error("Value is not a Reference Path", location)


def check_path_or_intrinsic(report: Report, name: str, value: Any, location: str, functions: frozenset[str]) -> None:
    """ErrorPath and CausePath: one node, or a call of a function that returns a string."""
    if not isinstance(value, str) or not is_intrinsic(value):
        check_single_path(report, name, value, location)
        return
    try:
        compile_intrinsic(value)
    except IntrinsicSyntaxError as error:
        report.error(f"The value for the field '{name}' must be a valid intrinsic function call: {error}", location)
        return
    if value.partition("(")[0].strip() not in functions:
        report.error(f"The value for the field '{name}' must be a function that returns a string", location)


# --- payload templates -----------------------------------------------------------------------------------------------


def check_template(report: Report, value: Any, location: str) -> None:
    """A JSONPath payload template: keys that end in `.$` hold a path or an intrinsic call, at any depth."""
    if isinstance(value, dict):
        for key, member in value.items():
            _check_member(report, value, key, member, location)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            check_template(report, member, at(location, index))


def _check_member(report: Report, template: dict[str, Any], key: str, member: Any, location: str) -> None:
    if not key.endswith(".$"):
        if isinstance(member, str) and (member.startswith(("$.", "$$.")) or _looks_like_call(member)):
            report.warn(f"The value looks like a path but is taken literally: name the field '{key}.$'",
                        at(location, key), NO_DOLLAR)  # fmt: skip
        check_template(report, member, at(location, key))
        return
    if (why := _not_dynamic(member)) is not None:
        # Recorded, with the location of the object that holds the field.
        report.error(
            f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call",
            location,
            why=why,
        )
    if key[:-2] in template:
        report.error(f"The fields '{key[:-2]}' and '{key}' have the same name at run time: remove one", location)


def _looks_like_call(text: str) -> bool:
    return text.startswith("States.") and text.endswith(")") and "(" in text


def _not_dynamic(value: Any) -> str | None:
    """Why a value is neither a path nor an intrinsic call; None if it is one."""
    if not isinstance(value, str):
        return "it must be a string"
    try:
        compile_intrinsic(value) if is_intrinsic(value) else compile_path(value)
    except (PathSyntaxError, IntrinsicSyntaxError) as error:
        return error.message
    return None


# --- JSONata ---------------------------------------------------------------------------------------------------------


def expression(value: Any) -> str | None:
    """The JSONata inside of `{% ... %}`, or None for a literal. The marks must be the first and last characters."""
    if isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}"):
        return value[2:-2].strip()
    return None


def check_jsonata(report: Report, value: Any, location: str, *, result: bool = False, error: bool = False) -> None:
    """Every `{% %}` string at any depth; `result` and `error` say whether $states has these members here."""
    if isinstance(value, dict):
        for key, member in value.items():
            check_jsonata(report, member, at(location, key), result=result, error=error)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            check_jsonata(report, member, at(location, index), result=result, error=error)
    elif (text := expression(value)) is not None:
        _check_expression(report, text, location, result=result, error=error)
    elif isinstance(value, str) and value.startswith("{%"):
        report.error("JSONata string must start with {% and end with %}", location)


def _check_expression(report: Report, text: str, location: str, *, result: bool, error: bool) -> None:
    wrong = jsonata.check(text)
    if wrong is not None:
        message = _CODE.sub("", wrong, count=1) if _CODE.match(wrong) else wrong
        unsupported = message.startswith("Reference to")
        report.error(message, location, UNSUPPORTED_JSONATA if unsupported else INVALID_JSONATA)
        return
    members = jsonata.states_members(text)
    for member, there in (("result", result), ("errorOutput", error)):
        if member in members and not there:
            message = f"Reference to '$states.{member}' is not supported in this field."
            report.error(message, location, UNSUPPORTED_JSONATA)
