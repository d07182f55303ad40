"""Values to JSON text and back, checked against the types a function declares.

A function of one parameter takes the input as it is; one of several takes an object with a member per parameter. So
`flowd start order --input '{"order_id": 7}'` and the AWS CLI need no wrapping.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from flowd.sdk.errors import DataError

R = TypeVar("R")
LARGEST = 32_768  # characters of a data field [AWS SWF API reference]
_NAMELESS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def encode(value: object, what: str) -> str:
    """JSON text of a value. Raises DataError naming `what`."""
    try:
        text = msgspec.json.encode(value, enc_hook=_hook).decode()
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise DataError(f"{what} cannot be written as JSON: {error}") from None
    if len(text) > LARGEST:
        raise DataError(f"{what} has {len(text)} characters; SWF carries {LARGEST}: keep it elsewhere, pass its name")
    return text


def decode(text: str | None, type: Any, what: str) -> Any:
    """The value of a JSON text, of the declared type. No text is None."""
    try:
        return msgspec.json.decode(text if text else "null", type=type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise DataError(f"{what}: {error}") from None
    except TypeError as error:
        raise DataError(f"{what}: its type {type} cannot be read from JSON: {error}") from None


def schema(type: Any) -> dict[str, Any]:
    """The JSON Schema of a type; what it is stands at the top, not behind a reference, since forms are made of it."""
    try:
        found = msgspec.json.schema(type)
    except TypeError as error:
        raise DataError(f"there is no JSON Schema of {type}: {error}") from None
    if "$ref" not in found:
        return found
    named = found["$defs"]
    top = dict(named.pop(found["$ref"].rpartition("/")[2]))
    return {**top, "$defs": named} if named else top


def _hook(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value; use dataclasses, msgspec.Struct, dict, list, str, …")


class Signature(Generic[R]):
    """How one function's arguments, and its result R, look as JSON."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.name = name
        self._signature = inspect.signature(function)
        self._parameters = self._signature.parameters
        for parameter in self._parameters.values():
            if parameter.kind in _NAMELESS:
                raise DataError(f"{name}: *{parameter.name} has no name in JSON; name every parameter")
        self._function = function
        self._hints: dict[str, Any] | None = None

    def encode(self, *args: Any, **kwargs: Any) -> str:
        """The input text of a call. Raises TypeError as the call itself would."""
        bound = self._signature.bind(*args, **kwargs)
        if not self._parameters:
            return "{}"
        if len(self._parameters) == 1:
            bound.apply_defaults()
            return encode(next(iter(bound.arguments.values())), f"the input of {self.name}")
        return encode(dict(bound.arguments), f"the input of {self.name}")

    def decode(self, text: str | None) -> inspect.BoundArguments:
        """The arguments that an input text stands for."""
        what = f"the input of {self.name}"
        if not self._parameters:
            return self._signature.bind()
        if len(self._parameters) == 1:
            return self._one(next(iter(self._parameters.values())), text, what)
        members = decode(text, dict[str, msgspec.Raw], what)
        unknown = sorted(members.keys() - self._parameters.keys())
        if unknown:
            raise DataError(f"{what}: it has no parameter {unknown[0]} (it has {', '.join(self._parameters)})")
        values = {
            name: decode(bytes(raw).decode(), self._type(name), f"{what}, {name}") for name, raw in members.items()
        }
        bound = inspect.BoundArguments(self._signature, {})
        for name, parameter in self._parameters.items():
            if name in values:
                bound.arguments[name] = values[name]
            elif parameter.default is parameter.empty:
                raise DataError(f"{what}: the member {name} is missing")
        bound.apply_defaults()
        return bound

    def encode_result(self, value: object) -> str:
        return encode(value, f"the result of {self.name}")

    def decode_result(self, text: str | None) -> R:
        result: R = decode(text, self._type("return"), f"the result of {self.name}")
        return result

    def _one(self, parameter: inspect.Parameter, text: str | None, what: str) -> inspect.BoundArguments:
        if not text and parameter.default is not parameter.empty:
            bound = self._signature.bind()
            bound.apply_defaults()
            return bound
        value = decode(text, self._type(parameter.name), what)
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        return self._signature.bind(**{parameter.name: value}) if by_name else self._signature.bind(value)

    def _type(self, name: str) -> Any:
        """The declared type; hints are resolved late, since they may name classes that stand further down."""
        if self._hints is None:
            try:
                self._hints = get_type_hints(self._function)
            except (NameError, TypeError) as error:
                raise DataError(f"a type of {self.name} cannot be resolved: {error}") from None
        return self._hints.get(name, Any)
