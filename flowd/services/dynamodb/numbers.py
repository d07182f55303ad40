"""DynamoDB's numbers: 38 significant digits, 1E-130 to 9.9E+125, shown without an exponent. Text in, text out.

Also numbers as bytes that sort as the numbers do, which is what sort keys need.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext
from typing import Final

from flowd.services.dynamodb.errors import invalid

DIGITS: Final = 38
LARGEST: Final = 125
SMALLEST: Final = -130
_FORM: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
#: Wide enough for the exact sum of any two numbers.
_EXACT: Final = Context(prec=2 * (LARGEST - SMALLEST + DIGITS), Emax=999_999_999, Emin=-999_999_999)


def number(text: str) -> Decimal:
    """The number that a client wrote, checked."""
    if not text.strip():
        raise invalid("The parameter cannot be converted to a numeric value")
    if not _FORM.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return _checked(Decimal(text))


def canonical(text: str) -> str:
    """`+01.50e1` is `15`."""
    return shown(number(text))


def shown(value: Decimal) -> str:
    return format(value, "f")


def add(left: str, right: str) -> str:
    """The sum of two canonical numbers."""
    with localcontext(_EXACT):
        return shown(_checked(Decimal(left) + Decimal(right)))


def subtract(left: str, right: str) -> str:
    with localcontext(_EXACT):
        return shown(_checked(Decimal(left) - Decimal(right)))


def _checked(value: Decimal) -> Decimal:
    """Without zeros at its end, or refused."""
    if not value:
        return Decimal(0)
    exponent = value.adjusted()
    if exponent > LARGEST:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if exponent < SMALLEST:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    sign, digits, power = value.as_tuple()
    assert isinstance(power, int)
    kept = "".join(map(str, digits)).rstrip("0")
    if len(kept.lstrip("0")) > DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    dropped = len(digits) - len(kept)
    return Decimal((sign, tuple(map(int, kept)), power + dropped))


def ordered(text: str) -> bytes:
    """Bytes that compare as the numbers do: sign, exponent, digits; all of them inverted below zero."""
    value = Decimal(text)
    if not value:
        return b"\x80"
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0")
    size = (value.adjusted() - SMALLEST + 1).to_bytes(2, "big") + digits.encode()
    if value > 0:
        return b"\x81" + size
    return b"\x7f" + bytes(0xFF - byte for byte in size) + b"\xff"
