"""The size of payloads. The service model counts characters; the service counts bytes of UTF-8 (API reference)."""

from __future__ import annotations

from flowd.errors import ValidationException


def check_size(text: str, member: str, most: int) -> None:
    """Raise the model's ValidationException if a text has more than `most` bytes."""
    if len(text) * 4 > most and len(text.encode()) > most:
        raise ValidationException(
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {most}"
        )
