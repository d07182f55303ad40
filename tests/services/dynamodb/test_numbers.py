from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flowd.services.dynamodb import numbers
from flowd.services.ports import ServiceError

written = some.builds(
    lambda digits, power, sign: f"{sign}{digits}E{power}",
    some.integers(0, 10**38 - 1),
    some.integers(-130, 87),
    some.sampled_from(["", "-", "+"]),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+01.50e1", "15"),
        ("-0", "0"),
        ("0E-999999", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("9" * 38, "9" * 38),
        ("1e125", "1" + "0" * 125),
        ("00000000000000000000000000000000000000000001", "1"),
    ],
)
def test_a_number_is_shown_without_exponent_and_without_idle_zeros(text: str, shown: str) -> None:
    assert numbers.canonical(text) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc", "The parameter cannot be converted to a numeric value: abc"),
        ("", "The parameter cannot be converted to a numeric value"),
        ("NaN", "cannot be converted"),
        ("Infinity", "cannot be converted"),
        ("1_000", "cannot be converted"),
        ("١", "cannot be converted"),
        ("1" * 39, "more than 38 significant digits"),
        ("1e126", "Number overflow"),
        ("1e-131", "Number underflow"),
        ("1e999999999", "Number overflow"),
        ("1e9999999999999", "cannot be converted"),
    ],
)
def test_what_is_no_number_of_dynamodb_is_refused(text: str, words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        numbers.canonical(text)


@given(written, written)
def test_bytes_of_numbers_sort_as_the_numbers(one: str, other: str) -> None:
    left, right = numbers.canonical(one), numbers.canonical(other)
    assert (numbers.ordered(left) < numbers.ordered(right)) == (Decimal(left) < Decimal(right))
    assert (numbers.ordered(left) == numbers.ordered(right)) == (Decimal(left) == Decimal(right))


@given(written)
def test_a_canonical_number_is_the_same_number_and_stays(text: str) -> None:
    assert Decimal(numbers.canonical(text)) == Decimal(text)
    assert numbers.canonical(numbers.canonical(text)) == numbers.canonical(text)


def test_sums_are_exact_or_refused() -> None:
    assert numbers.add("0.1", "0.2") == "0.3"
    assert numbers.subtract("1", "1") == "0"
    with pytest.raises(ServiceError, match="38 significant digits"):
        numbers.add("1" + "0" * 50, "1")
    with pytest.raises(ServiceError, match="overflow"):
        numbers.add("9" + "0" * 125, "9" + "0" * 125)
