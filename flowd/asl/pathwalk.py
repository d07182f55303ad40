"""Reading a parsed JSONPath: following its segments, wording what is missing, and the functions that may end it.

The texts of the errors are Jayway's, as AWS passes them on ("Invalid path '$.x' : No results for path: $['x']").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from flowd.asl.jayway import Call, Indexes, Keys, Parsed, PathError, Scope, Segment


def read(path: Parsed, node: Any, scope: Scope) -> Any:
    """What `path` names below `node`; for an indefinite path the list of all hits. Raises PathError, PathTooLong."""
    if all(segment.definite for segment in path.segments):
        value = _follow(path.segments, node, scope)
    else:
        value = gather(path.segments, node, scope)
    for call in path.calls:
        value = _FUNCTIONS[call.name](value, [_argument(a, scope) for a in call.arguments])
    return value


def gather(segments: tuple[Segment, ...], node: Any, scope: Scope) -> list[Any]:
    """All hits in document order. A missing prefix means no hits, not an error, as recorded
    [test_json_path_array_wildcard_or_slice_with_no_input]."""
    hits = [node]
    for segment in segments:
        found: list[Any] = []
        for hit in hits:
            before = len(found)
            found.extend(segment.select(hit, scope))
            scope.budget.spend(len(found) - before)
        hits = found
    return hits


def _follow(segments: tuple[Segment, ...], node: Any, scope: Scope) -> Any:
    for position, segment in enumerate(segments):
        found = next(iter(segment.select(node, scope)), _NOTHING)
        if found is _NOTHING:
            raise PathError(_explain(segments, position, node))
        node = found
    return node


_NOTHING: Final = object()


def _explain(segments: tuple[Segment, ...], position: int, node: Any) -> str:
    """Why segment `position` found nothing in `node`."""
    segment, above = segments[position], render(segments[:position])
    if isinstance(segment, Keys):
        if type(node) is not dict:
            return f"Expected to find an object with property {segment} in path {above} but found '{kind(node)}'"
        if position < len(segments) - 1:
            return f"Missing property in path {above}{segment}"
    if isinstance(segment, Indexes) and node is None:
        return f"The path {above} is null"
    if isinstance(segment, Indexes) and type(node) is not list:
        return f"Filter: {segment} can only be applied to arrays. Current context is: {kind(node)}"
    return f"No results for path: {render(segments)}"


def render(segments: tuple[Segment, ...]) -> str:
    """The canonical bracket form, `$['a'][0]`."""
    return "$" + "".join(map(str, segments))


def kind(node: Any) -> str:
    """The JSON type of a value, for messages."""
    return _KINDS.get(type(node), "object")


_KINDS: Final = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


def _argument(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, Parsed):
        return argument
    return read(argument, start(argument.root, scope), scope)


def start(root: str, scope: Scope, current: Any = None) -> Any:
    """The document a root stands for: `$`, `@` (the node a filter tests), `$$`, or a variable. Raises PathError."""
    if root == "$":
        return scope.root
    if root == "@":
        return current
    if root == "$$":
        return scope.context
    if root not in scope.variables:
        raise PathError(f"The variable '${root}' is not defined")
    return scope.variables[root]


def _numbers(value: Any, arguments: list[Any]) -> list[float]:
    items = list(value) if type(value) is list else []
    for argument in arguments:
        items.extend(argument if type(argument) is list else [argument])
    numbers = [float(item) for item in items if type(item) in (int, float)]
    if not numbers:
        raise PathError("Aggregation function attempted to calculate value using empty array")
    return numbers


def _deviation(numbers: list[float]) -> float:
    mean = math.fsum(numbers) / len(numbers)
    return math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))


def _aggregate(reduce: Callable[[list[float]], float]) -> Callable[[Any, list[Any]], float]:
    def apply(value: Any, arguments: list[Any]) -> float:
        try:
            result = reduce(_numbers(value, arguments))
        except OverflowError:
            result = math.inf
        if not math.isfinite(result):
            raise PathError("Aggregation function attempted to calculate a number too large")
        return result

    return apply


def _length(value: Any, arguments: list[Any]) -> int | None:
    subject = arguments[0] if arguments else value
    return len(subject) if type(subject) in (list, dict) else None


def _keys(value: Any, arguments: list[Any]) -> list[str] | None:
    return list(value) if type(value) is dict else None


def _concat(value: Any, arguments: list[Any]) -> str:
    parts = [item for item in value if type(item) is str] if type(value) is list else []
    for argument in arguments:
        parts.extend(str(item) for item in (argument if type(argument) is list else [argument]) if item is not None)
    return "".join(parts)


def _append(value: Any, arguments: list[Any]) -> Any:
    return [*value, *arguments] if type(value) is list else value


def _item(number: Any, value: Any) -> Any:
    if type(value) is not list or type(number) is not int or not -len(value) <= number < len(value):
        raise PathError("Aggregation function attempted to calculate value using empty array")
    return value[number]


_FUNCTIONS: Final[dict[str, Callable[[Any, list[Any]], Any]]] = {
    "length": _length,
    "size": _length,
    "keys": _keys,
    "concat": _concat,
    "append": _append,
    "min": _aggregate(min),
    "max": _aggregate(max),
    "sum": _aggregate(math.fsum),
    "avg": _aggregate(lambda numbers: math.fsum(numbers) / len(numbers)),
    "stddev": _aggregate(_deviation),
    "first": lambda value, arguments: _item(0, value),
    "last": lambda value, arguments: _item(-1, value),
    "index": lambda value, arguments: _item(arguments[0] if arguments else None, value),
}


def is_function(name: str) -> bool:
    """True if a path may end in a call of it."""
    return name in _FUNCTIONS


__all__ = ["Call", "gather", "is_function", "kind", "read", "render", "start"]
