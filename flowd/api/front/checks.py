"""Request validators of REST APIs: parameters that must be there, bodies that must fit a model. Pure.

Source: developer guide, "Request validation"; models are JSON Schema, draft 4.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import UnknownType

from flowd import schemas
from flowd.api.front.requests import JSON, Problem, Request
from flowd.payload import InvalidJson, dumps, loads
from flowd.routes import Checks


def check(checks: Checks, request: Request, path: dict[str, str]) -> None:
    """Raises Problem (400) with API Gateway's words, and which member does not fit."""
    missing = [each.partition(".")[2] for each in checks.parameters if not _is_there(each, request, path)]
    if missing:
        raise Problem(400, f"Missing required request parameters: [{', '.join(missing)}]")
    kind = request.header.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind not in checks.bodies:
        return
    try:
        body = loads(request.body)
    except InvalidJson as error:
        raise Problem(400, "Invalid request body", reason=f"it is not JSON: {error}") from None
    try:
        wrong = next(schemas.faults(_validator(dumps(checks.bodies[kind])), body), None)
    except schemas.TooLong as error:
        raise Problem(400, "Invalid request body", reason=str(error)) from None
    except (RecursionError, ValueError, UnknownType) as error:
        said = str(error).partition("\n")[0][:300]
        raise Problem(500, "Internal server error", reason=f"the model of the body cannot be used: {said}") from None
    if wrong is not None:
        raise Problem(400, "Invalid request body", reason=f"{wrong.json_path}: {wrong.message[:300]}")


def _is_there(parameter: str, request: Request, path: dict[str, str]) -> bool:
    place, _, name = parameter.partition(".")
    if place == "header":
        return name.lower() in request.header
    return name in (request.query_lists if place == "querystring" else path)


@lru_cache(maxsize=200)
def _validator(schema: str) -> Any:
    return schemas.bounded(jsonschema.Draft4Validator)(loads(schema))
