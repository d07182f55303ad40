"""JSON Schema over values of strangers: jsonschema's validators, with an end for what takes for ever. Pure.

The validators search by `re` and compare all items of a list with each other; a body can be written that keeps them at
it. Here every keyword counts, and patterns are `patterns`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, Final

import jsonschema
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from flowd.errors import FlowdError
from flowd.patterns import Patience, PatternError, compiled
from flowd.payload import dumps

#: Keywords of a schema that one check of a value may come to: a second or two.
KEYWORDS: Final = 500_000
#: Characters of a text that are written anew in the time of one keyword.
_CHARACTERS: Final = 100
Keyword = Callable[..., Iterator[ValidationError] | None]
_extended: Final[Callable[..., type[Validator]]] = jsonschema.validators.extend


class TooLong(FlowdError):
    """Checking this value against this schema takes too long."""


class _Check:
    """What one check may still cost."""

    def __init__(self) -> None:
        self.left = KEYWORDS
        self.patience = Patience()

    def spend(self, keywords: int = 1) -> None:
        self.left -= keywords
        if self.left < 0:
            raise TooLong(f"checking it takes more than {KEYWORDS:,} steps")

    def is_in(self, pattern: str, text: str) -> bool:
        try:
            expression = compiled(pattern)
        except PatternError as error:
            raise ValueError(f"the pattern {pattern[:100]!r} is no regular expression: {error}") from None
        try:
            return expression.is_in(text, self.patience)
        except PatternError as error:
            raise TooLong(f"the pattern {pattern[:100]!r} cannot be matched: {error}") from None


_check: ContextVar[_Check] = ContextVar("check of a schema")


def faults(validator: Validator, value: Any) -> Iterator[ValidationError]:
    """What of a value does not fit, one after the other; `validator` is one of `bounded`. Raises TooLong, and
    ValueError or what jsonschema has for a schema that cannot be used."""
    _check.set(_Check())
    yield from validator.iter_errors(value)


@lru_cache(maxsize=16)
def bounded(kind: type[Validator]) -> type[Validator]:
    """A draft's validator whose checks end."""
    own = {name: made for name, made in _OWN.items() if name in kind.VALIDATORS}
    counted = {name: partial(_counted, keyword) for name, keyword in (dict(kind.VALIDATORS) | own).items()}
    return _extended(kind, counted)


def _counted(keyword: Keyword, validator: Validator, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    _check.get().spend()
    yield from keyword(validator, wanted, value, schema) or ()


def _pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _check.get().is_in(wanted, value):
        yield ValidationError(f"{_short(value)} does not match {wanted!r}")


def _pattern_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    for pattern, below in wanted.items() if isinstance(value, dict) else ():
        for name, member in value.items():
            if _check.get().is_in(pattern, name):
                yield from validator.descend(member, below, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, member in value.items():
        if name in known or any(_check.get().is_in(pattern, name) for pattern in patterns):
            continue
        if isinstance(wanted, dict):
            yield from validator.descend(member, wanted, path=name)
        elif not wanted:
            yield ValidationError(f"Additional properties are not allowed ({_short(name)} was unexpected)")


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """By their JSON, so that each is looked at once by this list; lists around it look again, and that counts."""
    if not wanted or not isinstance(value, list):
        return
    check, seen = _check.get(), set()
    for item in value:
        written = dumps(_plain(item, check))
        if written in seen:
            yield ValidationError(f"{_short(value)} has non-unique elements")
            return
        seen.add(written)


def _plain(value: Any, check: _Check) -> Any:
    """1 and 1.0 are the same, and the order of members does not count."""
    check.spend(1 + len(value) // _CHARACTERS if isinstance(value, str) else 1)
    if isinstance(value, dict):
        return {_plain(name, check): _plain(member, check) for name, member in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(item, check) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _short(value: Any) -> str:
    return repr(value)[:300]


_OWN: Final[dict[str, Keyword]] = {
    "additionalProperties": _additional_properties,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}
