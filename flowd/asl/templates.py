"""Fields whose value is worked out at run time: payload templates, paths and expressions of both query languages.

All are compiled when a definition is parsed. Evaluating one raises a Fault with AWS's words and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from flowd.asl import intrinsics, jsonata, paths
from flowd.asl.context import Env
from flowd.asl.faults import DATA_LIMIT_BYTES, INTRINSIC_FAILURE, EvaluationFault, Fault, runtime, too_large
from flowd.asl.pathwalk import kind
from flowd.payload import InvalidJson, Payload, dumps, measure

Language = Literal["JSONPath", "JSONata"]
JSONPATH: Final[Language] = "JSONPath"
JSONATA: Final[Language] = "JSONata"

#: Beyond this many copies of a state's data a value is measured while it is made; MOST_BYTES is what it may have then.
FEW: Final = paths.FEW
MOST_BYTES: Final = 4 * DATA_LIMIT_BYTES

_VARIABLE = re.compile(r"\$[^\W\d]")
_MEMBER = re.compile(r"\$states\b(?:\s*\.\s*(input|context|result|errorOutput)\b)?")
_EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)


class Template(Protocol):
    """Something that has a value in an Env; `value` is what `$` means there (JSONPath only)."""

    def evaluate(self, env: Env, value: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that is the same every time. Its payload is made once."""

    payload: Payload

    def evaluate(self, env: Env, value: Any) -> Any:
        return self.payload.value


@dataclass(frozen=True, slots=True)
class Selector:
    """A path in a field of its own (InputPath, ItemsPath, ...)."""

    path: paths.Path
    text: str

    def evaluate(self, env: Env, value: Any) -> Any:
        """What the path names. Raises Fault as AWS words it for such fields (recorded)."""
        try:
            return self.find(env, value)
        except paths.PathError as error:
            raise runtime(f"Invalid path '{self.text}' : {error}") from None

    def find(self, env: Env, value: Any) -> Any:
        """The same, but raises PathError, for fields with words of their own. Raises Fault if it takes too long."""
        context = env.context() if "$$" in self.text else None
        variables = env.variables() if _VARIABLE.search(self.text) else {}
        try:
            return self.path.evaluate(value, context, variables)
        except paths.PathTooLong as error:
            raise runtime(f"The JSONPath '{self.text}' cannot be evaluated: {error}") from None


@dataclass(frozen=True, slots=True)
class Member:
    """A path as the value of a template's `field` (`y.$`), or of ErrorPath and CausePath."""

    selector: Selector
    field: str

    def evaluate(self, env: Env, value: Any) -> Any:
        try:
            return self.selector.find(env, value)
        except paths.PathError:
            raise runtime(
                f"The JSONPath '{self.selector.text}' specified for the field '{self.field}' could not be found in the "
                f"input '{_written(value, env)}'"
            ) from None


def _written(value: Any, env: Env) -> str:
    """A value in an error: the state's whole input as it was written, white space included (seen in events of AWS's;
    the recordings mask it)."""
    given = env.frame.input
    return given.text if value is given.value else dumps(value)


@dataclass(frozen=True, slots=True)
class Call:
    """An intrinsic function."""

    intrinsic: intrinsics.Intrinsic
    text: str

    def evaluate(self, env: Env, value: Any) -> Any:
        """The call's value. A failure is States.IntrinsicFailure where it can be caught, States.Runtime elsewhere.

        An argument that finds nothing is always States.Runtime, in words that users have seen on AWS.
        """
        context = env.context() if "$$" in self.text else None
        variables = env.variables() if _VARIABLE.search(self.text) else {}
        try:
            return self.intrinsic.evaluate(value, context, variables, env.entropy)
        except intrinsics.MissingArgument as missing:
            raise runtime(
                f"The function '{self.text}' had the following error: The JsonPath argument for the field "
                f"'{missing.path}' could not be found in the input '{_written(value, env)}'"
            ) from None
        except intrinsics.IntrinsicFailure as error:
            detail = f"The function '{self.text}' had the following evaluation error: {error}"
            raise (Fault(INTRINSIC_FAILURE, detail) if env.retried else runtime(detail)) from None


@dataclass(frozen=True, slots=True)
class Expression:
    """A JSONata expression. `location` is its place in AWS's form: `Output/result`, `Arguments/Items[0]`."""

    text: str
    location: str
    names: frozenset[str]
    members: frozenset[str]  # of $states

    def evaluate(self, env: Env, value: Any) -> Any:
        try:
            found = jsonata.evaluate(self.text, self._bindings(env), env.now_ms, env.entropy)
        except jsonata.JsonataError as error:
            if error.code == "UNSUPPORTED_RESULT":
                raise self.fault("returned an unsupported result type.") from None
            raise self.fault(f"threw an error during evaluation{error.ending}") from None
        if found is jsonata.UNDEFINED:
            raise self.fault("returned nothing (undefined).")
        return found

    def fault(self, what: str) -> EvaluationFault:
        return EvaluationFault(
            f"The JSONata expression '{self.text}' specified for the field '{self.location}' {what}", self.location
        )

    def unexpected(self, expected: str, found: Any) -> EvaluationFault:
        """The value has another JSON type than the field wants (recorded for Items)."""
        return self.fault(
            f"returned an unexpected result type. Expected '{expected}', but was '{kind(found)}' for value: "
            f"{dumps(found)}"
        )

    def _bindings(self, env: Env) -> dict[str, Any]:
        bindings: dict[str, Any] = {}
        if "states" in self.names:
            bindings["states"] = {name: _STATES[name](env) for name in _STATES if name in self.members}
            if env.result is None:
                bindings["states"].pop("result", None)
            if env.error_output is None:
                bindings["states"].pop("errorOutput", None)
        if len(self.names) > len(bindings):
            variables = env.variables()
            bindings.update({name: variables[name] for name in self.names if name in variables})
        return bindings


_STATES: Final[dict[str, Callable[[Env], Any]]] = {
    "input": lambda env: env.frame.input.value,
    "context": lambda env: env.context(),
    "result": lambda env: None if env.result is None else env.result.value,
    "errorOutput": lambda env: env.error_output,
}


@dataclass(frozen=True, slots=True)
class ObjectTemplate:
    members: tuple[tuple[str, Template], ...]
    copies: int = 0

    def evaluate(self, env: Env, value: Any) -> Any:
        names = [name for name, _ in self.members]
        return dict(zip(names, _values(self, [member for _, member in self.members], env, value), strict=True))


@dataclass(frozen=True, slots=True)
class ArrayTemplate:
    entries: tuple[Template, ...]
    copies: int = 0

    def evaluate(self, env: Env, value: Any) -> Any:
        return _values(self, self.entries, env, value)


def _values(around: ObjectTemplate | ArrayTemplate, parts: Iterable[Template], env: Env, value: Any) -> list[Any]:
    if around.copies <= FEW:
        return [part.evaluate(env, value) for part in parts]
    found, left = [], MOST_BYTES
    for part in parts:
        found.append(part.evaluate(env, value))
        left -= _measured(found[-1], left, env)
    return found


def _measured(value: Any, most: int, env: Env) -> int:
    """The size of a value that may hold others many times over. Raises Fault if it is above `most`."""
    size = measure(value, most)
    if size > most:
        raise too_large(env.frame.state)
    return size


def copies_of(template: Template) -> int:
    """How often a value of the state's data can be in the template's value: each mention, and each hit of a path that
    may hit parts of what it has hit already."""
    if isinstance(template, ObjectTemplate | ArrayTemplate):
        return template.copies
    if isinstance(template, Call):
        return template.intrinsic.copies
    if isinstance(template, Member):
        return copies_of(template.selector)
    if isinstance(template, Selector):
        return template.path.copies
    return 0 if isinstance(template, Fixed) else 1


def payload_of(template: Template, env: Env, value: Any) -> Payload:
    """A template's value as a payload; a fixed one is the same object every time. Raises Fault."""
    if isinstance(template, Fixed):
        return template.payload
    found = template.evaluate(env, value)
    if copies_of(template) > FEW and not isinstance(template, ObjectTemplate | ArrayTemplate):
        _measured(found, MOST_BYTES, env)
    made = Payload.of(found)
    try:
        _ = made.text
    except InvalidJson as error:
        raise runtime(str(error)) from None
    return made


def selector(text: str) -> Selector:
    """A compiled path. Raises PathSyntaxError."""
    return Selector(paths.compile_path(text), text)


def dynamic(text: str, field: str) -> Member | Call:
    """A `.$` value: a path or an intrinsic call. Raises PathSyntaxError, IntrinsicSyntaxError."""
    if intrinsics.is_intrinsic(text):
        return Call(intrinsics.compile_intrinsic(text), text)
    return Member(selector(text), field)


def expression_text(text: str) -> str | None:
    """What stands between `{%` and `%}`, or None if the string is a literal."""
    match = _EXPRESSION.fullmatch(text)
    return match.group(1).strip() if match else None


def expression(text: str, location: str) -> Expression:
    """A compiled expression; `text` without its delimiters."""
    names = frozenset(jsonata.variables(text))
    members = [match.group(1) for match in _MEMBER.finditer(text)]
    if "states" in names and (not members or not all(members)):
        return Expression(text, location, names, frozenset(_STATES))
    return Expression(text, location, names, frozenset(members))


def compile_template(value: Any, language: Language, field: str) -> Template:
    """A payload template (JSONPath) or a value that may hold expressions (JSONata).

    `field` is its place, for messages. Raises PathSyntaxError and IntrinsicSyntaxError.
    """
    node = _jsonpath(value) if language == JSONPATH else _jsonata(value, field)
    return Fixed(Payload.of(value)) if node is None else node


def _jsonpath(value: Any) -> Template | None:
    """None if nothing in the value is worked out at run time."""
    if isinstance(value, list):
        entries = [_jsonpath(entry) for entry in value]
        return _array(entries, value)
    if not isinstance(value, dict):
        return None
    keys = [key.removesuffix(".$") for key in value]
    members = [dynamic(text, key) if key.endswith(".$") else _jsonpath(text) for key, text in value.items()]
    if not any(members):
        return None
    filled = dict(zip(keys, _filled(members, list(value.values())), strict=True))
    order = [key for key in value if not key.endswith(".$")]
    order += hash_order([key.removesuffix(".$") for key in value if key.endswith(".$")])
    return _object([(key, filled[key]) for key in dict.fromkeys(order)])


def _jsonata(value: Any, location: str) -> Template | None:
    if isinstance(value, str):
        text = expression_text(value)
        return None if text is None else expression(text, location)
    if isinstance(value, list):
        entries = [_jsonata(entry, f"{location}[{index}]") for index, entry in enumerate(value)]
        return _array(entries, value)
    if isinstance(value, dict):
        members = [_jsonata(member, f"{location}/{key}") for key, member in value.items()]
        if any(members):
            return _object(list(zip(value, _filled(members, list(value.values())), strict=True)))
    return None


def _array(entries: list[Any], value: list[Any]) -> ArrayTemplate | None:
    if not any(entries):
        return None
    filled = _filled(entries, value)
    return ArrayTemplate(filled, sum(map(copies_of, filled)))


def _object(members: list[tuple[str, Template]]) -> ObjectTemplate:
    return ObjectTemplate(tuple(members), sum(copies_of(member) for _, member in members))


def _filled(nodes: list[Any], values: list[Any]) -> tuple[Template, ...]:
    return tuple(Fixed(Payload.of(value)) if node is None else node for node, value in zip(nodes, values, strict=True))


def hash_order(keys: list[str]) -> list[str]:
    """The order in which AWS writes `.$` members, after the fixed ones: a Java hash table's (read off recordings)."""
    size = 16
    while len(keys) > 0.75 * size:
        size *= 2
    return sorted(keys, key=lambda key: _java_hash(key) & (size - 1))


def _java_hash(text: str) -> int:
    """java.lang.String.hashCode over UTF-16 code units, with the spread of java.util.HashMap."""
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for index in range(0, len(units), 2):
        value = (31 * value + (units[index] << 8 | units[index + 1])) & 0xFFFFFFFF
    return value ^ (value >> 16)
