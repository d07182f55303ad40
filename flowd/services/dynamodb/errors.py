"""DynamoDB's errors, by the names of its model and in its words.

The words are those that the service sends; clients match on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowd.services.ports import ServiceError


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def invalid_values(reason: str) -> ServiceError:
    return invalid(f"One or more parameter values were invalid: {reason}")


def invalid_in(place: str, reason: str) -> ServiceError:
    """Of an expression: `place` is the parameter that holds it."""
    return invalid(f"Invalid {place}: {reason}")


def too_deep() -> ServiceError:
    """A value that is nested beyond 32 levels."""
    reason = "Attributes in the item have nested levels beyond supported limit"
    return invalid(f"Nesting Levels have exceeded supported limits: {reason}")


def constraint(value: Any, place: str, rule: str) -> ServiceError:
    """A member that breaks a rule of the service's model."""
    shown = "null" if value is None else f"'{value}'"
    return invalid(
        f"1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: Member must {rule}"
    )


def no_such_table() -> ServiceError:
    """Of calls that read or write items."""
    return ServiceError("ResourceNotFoundException", "Requested resource not found")


def table_not_found(name: str) -> ServiceError:
    """Of calls about the table itself."""
    return ServiceError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def in_use(message: str) -> ServiceError:
    return ServiceError("ResourceInUseException", message)


class ConditionFailed(ServiceError):
    """The condition did not hold; `item` is shown to who asked for it."""

    def __init__(self, item: dict[str, Any] | None = None) -> None:
        extras: dict[str, Any] = {} if item is None else {"Item": item}
        super().__init__("ConditionalCheckFailedException", "The conditional request failed", **extras)
        self.item = item


def cancelled(reasons: Sequence[dict[str, Any]]) -> ServiceError:
    """A transaction of which something could not be done: nothing was."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return ServiceError("TransactionCanceledException", message, CancellationReasons=list(reasons))
