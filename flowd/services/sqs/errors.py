"""SQS's errors, by the names of its model; where the model has none, by the codes that the service sends.

The older Query protocol has other codes for some (`AWS.SimpleQueueService.NonExistentQueue`); the wire translates them.
"""

from __future__ import annotations

from typing import Any

from flowd.services.ports import ServiceError


def no_such_queue() -> ServiceError:
    return ServiceError("QueueDoesNotExist", "The specified queue does not exist.")


def missing(name: str) -> ServiceError:
    return ServiceError("MissingParameter", f"The request must contain the parameter {name}.")


def invalid(name: str, value: Any, reason: str) -> ServiceError:
    message = f"Value {value} for parameter {name} is invalid. Reason: {reason}"
    return ServiceError("InvalidParameterValue", message)


def invalid_value(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def unknown_attribute(name: str) -> ServiceError:
    return ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute(name: str, reason: str = "") -> ServiceError:
    because = f" Reason: {reason}" if reason else ""
    return ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{because}")


def bad_handle(handle: str) -> ServiceError:
    return ServiceError("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')


def no_such_resource(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)
