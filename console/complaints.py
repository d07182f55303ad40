"""What is wrong with an answer, each complaint at the field it belongs to. Pure.

The daemon checks every answer again and has the last word; the check here only saves a round trip.
"""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError

from console.fields import Field, Path, collect, nearest
from console.text import clean


def check(schema: Any, fields: list[Field], raws: dict[Path, Any]) -> tuple[Any, dict[Path, str]]:
    """The answer and every complaint about it, each at the path of a field where there is one."""
    answer, wrong = collect(fields, raws)
    if schema is None:
        return answer, wrong
    try:
        found = sorted(
            Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer),
            key=lambda error: [str(part) for part in error.absolute_path],
        )
    except (SchemaError, RecursionError, TypeError, re.error, AttributeError):
        return answer, wrong  # a schema we cannot work with: the daemon decides
    known = [field.path for field in fields]
    for error in found:
        for path, message in _complaints(error):
            wrong.setdefault(nearest(path, known), message)
    return answer, wrong


def _complaints(error: ValidationError) -> list[tuple[Path, str]]:
    path = tuple(str(part) for part in error.absolute_path)
    if error.validator == "required" and isinstance(error.instance, dict):
        names = error.validator_value if isinstance(error.validator_value, list) else []
        return [((*path, name), "required") for name in names if name not in error.instance]
    return [(path, clean(error.message, 200))]
