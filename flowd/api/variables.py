"""variableReferences of DescribeStateMachine: which variables each state reads. Pure: definition text in, names out.

In JSONPath these are `$name` in paths and in fields that end in `.$`; in JSONata `$name` in `{% %}`, without functions,
`$states` and what the expression binds itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flowd.asl.validate import states
from flowd.payload import InvalidJson, loads

_STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_NAME = re.compile(r"(?<![\w$])\$([^\W\d]\w*)")
_BOUND = re.compile(r"\$([^\W\d]\w*)\s*:=")
_PARAMETERS = re.compile(r"(?:function|λ)\s*\(([^)]*)\)")
_CALLED = re.compile(r"\$[^\W\d]\w*\s*\(")
_SCOPES = frozenset({"ItemProcessor", "Iterator", "Branches", "Comment", "Result"})
_PATHS = ("Path", "Variable")
_LANGUAGES = "QueryLanguage"
#: Functions of JSONata that are passed without being called (`$map(xs, $string)`).
_FUNCTIONS = frozenset(
    "abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl decodeUrlComponent"
    " distinct each encodeUrl encodeUrlComponent error eval exists filter floor formatBase formatInteger formatNumber"
    " fromMillis hash join keys length lookup lowercase map match max merge millis min not now number pad parse"
    " parseInteger partition power random range reduce replace reverse round shuffle sift single sort split spread sqrt"
    " string substring substringAfter substringBefore sum toMillis trim type uppercase uuid zip states".split()
)


@lru_cache(maxsize=64)
def references(text: str) -> dict[str, list[str]]:
    """State name -> variables it reads, only for states that read any; {} if the text is no definition."""
    try:
        definition = loads(text)
    except InvalidJson:
        return {}
    if not isinstance(definition, dict):
        return {}
    default = definition.get(_LANGUAGES, "JSONPath")
    found: dict[str, list[str]] = {}
    for state, location in states(definition):
        jsonata = state.get(_LANGUAGES, default) == "JSONata"
        names = set(_in_jsonata(state) if jsonata else _in_jsonpath(state))
        if names:
            found[location.rpartition("/States/")[2]] = sorted(names)
    return found


def _in_jsonpath(node: Any) -> Iterator[str]:
    for key, value in _members(node):
        if isinstance(value, str):
            if key.endswith(".$") or key.endswith(_PATHS):
                yield from _NAME.findall(_STRINGS.sub("", value))
        else:
            yield from _in_jsonpath(value)


def _in_jsonata(node: Any) -> Iterator[str]:
    for _, value in _members(node):
        if isinstance(value, str):
            if value.startswith("{%"):
                yield from _in_expression(_STRINGS.sub("", value))
        else:
            yield from _in_jsonata(value)


def _in_expression(text: str) -> Iterator[str]:
    bound = set(_BOUND.findall(text)) | {
        name for parameters in _PARAMETERS.findall(text) for name in _NAME.findall(parameters)
    }
    for name in _NAME.findall(_CALLED.sub("(", text)):
        if name not in bound and name not in _FUNCTIONS:
            yield name


def _members(node: Any) -> Iterator[tuple[str, Any]]:
    """What belongs to a state itself, not to the states inside of it."""
    if isinstance(node, dict):
        yield from ((key, value) for key, value in node.items() if key not in _SCOPES)
    elif isinstance(node, list):
        yield from (("", value) for value in node)
