"""`samconfig.toml` beside a template: the values that `sam deploy` would give its parameters. Pure.

Source: AWS SAM developer guide, "AWS SAM CLI configuration file". Of an environment only `default` is looked at, which
the SAM CLI takes if it is told none; a command's own table goes before `global`. Nothing else of it has a meaning here.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any, Final

from flowd.errors import FlowdError

NAME: Final = "samconfig.toml"
_COMMANDS: Final = ("global", "deploy")  # the later goes before the earlier
_LONG: Final = re.compile(r"ParameterKey=(?P<key>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


class Unreadable(FlowdError):
    """It is no TOML, or its parameter_overrides are none."""


def overrides(text: str) -> dict[str, str]:
    """Values by the names of parameters. Raises Unreadable."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unreadable(f"it is not TOML: {error}") from None
    found: dict[str, str] = {}
    for command in _COMMANDS:
        given = _below(document, "default", command, "parameters", "parameter_overrides")
        if given is not None:
            found |= _pairs(given, f"[default.{command}.parameters] parameter_overrides")
    return found


def _below(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _pairs(given: Any, place: str) -> dict[str, str]:
    """`A=1 B="2 3"`, a list of such texts, or a table; `ParameterKey=A,ParameterValue=1` is the CLI's older form."""
    if isinstance(given, dict):
        return {name: _text(value, place) for name, value in given.items()}
    words: list[str] = []
    for each in given if isinstance(given, list) else [given]:
        if not isinstance(each, str):
            raise Unreadable(f"{place} is a text, a list of texts, or a table")
        try:
            words += [each] if isinstance(given, list) and " " not in each.partition("=")[0] else shlex.split(each)
        except ValueError as error:
            raise Unreadable(f"{place}: {error}") from None
    found = {}
    for word in words:
        long = _LONG.fullmatch(word)
        key, equals, value = (long["key"], "=", long["value"]) if long else word.partition("=")
        if not equals or not key:
            raise Unreadable(f"{place}: {word!r} is not NAME=VALUE")
        found[key] = value.strip('"') if isinstance(given, list) else value
    return found


def _text(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(each, place) for each in value)
    if not isinstance(value, str | int | float):
        raise Unreadable(f"{place}: {value!r} is no value of a parameter")
    return str(value)
