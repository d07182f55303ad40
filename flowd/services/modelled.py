"""Operations behind the constraints of their service's own model: what must be there, lengths, ranges, choices.

AWS looks at these before anything else of a request. Pure but for botocore's files, which are read at the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape

from flowd.constraints import broken
from flowd.services.ports import Call, Members, Operation, ServiceError

T = TypeVar("T")


def modelled(
    service: str, operations: Mapping[str, Operation[T]], code: str = "ValidationException"
) -> dict[str, Operation[T]]:
    """The operations of botocore's `service`; each raises the error `code` for a request that its model excludes."""
    return {name: _behind_its_model(service, name, operation, code) for name, operation in operations.items()}


def _behind_its_model(service: str, name: str, operation: Operation[T], code: str) -> Operation[T]:
    def checked(tables: T, members: Members, call: Call) -> dict[str, Any]:
        shape = _model(service).operation_model(name).input_shape
        said = broken(shape, members) if isinstance(shape, StructureShape) else ""
        if said:
            raise ServiceError(code, said)
        return operation(tables, members, call)

    return checked


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)
