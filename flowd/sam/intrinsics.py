"""CloudFormation's intrinsic functions: a value with `Ref`, `Fn::Sub` and the like becomes plain JSON. Pure.

What cannot be worked out on this box raises Unresolvable with the reason; the caller decides what is refused for it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from flowd.errors import FlowdError

# Name of a parameter, pseudo parameter or resource (and attribute) -> value. Raises Unresolvable.
Lookup = Callable[[str], Any]
GetAttribute = Callable[[str, str], Any]

_PLACEHOLDER = re.compile(r"\$\{(!?)([^{}]*)\}")


class Unresolvable(FlowdError):
    """A value of the template cannot be worked out here."""


class _NoValue:
    """`AWS::NoValue`: the property, or the element of a list, is left out."""


NO_VALUE = _NoValue()


class Resolver:
    """Resolves values of one template."""

    def __init__(
        self,
        ref: Lookup,
        attribute: GetAttribute,
        mappings: dict[str, Any],
        conditions: dict[str, Any],
        put_together: Callable[[str], str] = lambda text: text,
    ) -> None:
        """`put_together` has the last word about texts of several parts."""
        self._put_together = put_together
        self._ref = ref
        self._attribute = attribute
        self._mappings = mappings
        self._conditions = conditions
        self._asked: list[str] = []

    def value(self, value: Any) -> Any:
        """The value with every intrinsic function replaced. Raises Unresolvable."""
        if isinstance(value, list):
            items = (self.value(item) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if isinstance(value, str) and "{{resolve:" in value:
            raise Unresolvable("a dynamic reference ({{resolve:...}}) is not supported")
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
            if name.startswith("Fn::"):
                raise Unresolvable(f"{name} is not supported")
        members = ((key, self.value(member)) for key, member in value.items())
        return {key: member for key, member in members if member is not NO_VALUE}

    def text(self, value: Any) -> str:
        """The value as CloudFormation writes it into a text: `true`, `7`, `a,b`. Raises Unresolvable."""
        return _text(self.value(value))

    def condition(self, name: str) -> bool:
        """A condition of the template's `Conditions`, by its name. Raises Unresolvable."""
        if name not in self._conditions:
            raise Unresolvable(f"there is no condition {name} in Conditions")
        if name in self._asked:
            raise Unresolvable(f"the condition {name} refers to itself")
        self._asked.append(name)
        try:
            return self._test(self._conditions[name])
        finally:
            self._asked.pop()

    # ---- functions, one per name -----------------------------------------------------------------------------------

    def _get_ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise Unresolvable("Ref takes a name")
        return NO_VALUE if name == "AWS::NoValue" else self._ref(name)

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str):
            raise Unresolvable("Fn::GetAtt takes a resource and an attribute")
        return self._attribute(parts[0], self.text(parts[1]))

    def _sub(self, argument: Any) -> str:
        template, extra = argument, {}
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
            template, extra = argument
        if not isinstance(template, str):
            raise Unresolvable("Fn::Sub takes a text, or a text and a mapping")

        def one(match: re.Match[str]) -> str:
            name = match[2].strip()
            if match[1]:
                return "${" + match[2] + "}"
            if name in extra:
                return self.text(extra[name])
            resource, dot, attribute = name.partition(".")
            return _text(self._attribute(resource, attribute) if dot else self._get_ref(name))

        return self._put_together(_PLACEHOLDER.sub(one, str(self.value(template))))

    def _join(self, argument: Any) -> str:
        delimiter, items = self._pair("Fn::Join", argument)
        if not isinstance(delimiter, str) or not isinstance(items, list):
            raise Unresolvable("Fn::Join takes a delimiter and a list")
        return self._put_together(delimiter.join(_text(item) for item in items))

    def _split(self, argument: Any) -> list[str]:
        delimiter, text = self._pair("Fn::Split", argument)
        if not isinstance(delimiter, str) or not delimiter or not isinstance(text, str):
            raise Unresolvable("Fn::Split takes a delimiter and a text")
        return text.split(delimiter)

    def _select(self, argument: Any) -> Any:
        index, items = self._pair("Fn::Select", argument)
        if not isinstance(items, list) or not str(index).isdigit() or int(index) >= len(items):
            raise Unresolvable("Fn::Select takes a number from 0 and a list that is longer")
        return items[int(index)]

    def _find_in_map(self, argument: Any) -> Any:
        keys = self.value(argument)
        if not isinstance(keys, list) or len(keys) != 3:
            raise Unresolvable("Fn::FindInMap takes a map and two keys")
        found: Any = self._mappings
        for key in keys:
            if not isinstance(found, dict) or str(key) not in found:
                raise Unresolvable(f"Fn::FindInMap finds no {'/'.join(map(str, keys))} in Mappings")
            found = found[str(key)]
        return found

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise Unresolvable("Fn::If takes a condition and two values")
        return self.value(argument[1] if self.condition(argument[0]) else argument[2])

    def _base64(self, argument: Any) -> str:
        return b64encode(self.text(argument).encode()).decode()

    def _json(self, argument: Any) -> str:
        return json.dumps(self.value(argument), ensure_ascii=False)

    def _length(self, argument: Any) -> int:
        items = self.value(argument)
        if not isinstance(items, list):
            raise Unresolvable("Fn::Length takes a list")
        return len(items)

    def _pair(self, name: str, argument: Any) -> list[Any]:
        pair = self.value(argument)
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unresolvable(f"{name} takes two arguments")
        return pair

    # ---- conditions ------------------------------------------------------------------------------------------------

    def _test(self, argument: Any) -> bool:
        if isinstance(argument, dict) and len(argument) == 1:
            ((name, value),) = argument.items()
            if name == "Condition" and isinstance(value, str):
                return self.condition(value)
            if name in _CONDITIONS and isinstance(value, list):
                return _CONDITIONS[name](self, value)
        raise Unresolvable("a condition takes Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition")

    def _equals(self, argument: list[Any]) -> bool:
        left, right = self._pair("Fn::Equals", argument)
        return bool(_comparable(left) == _comparable(right))

    def _and(self, argument: list[Any]) -> bool:
        return all([self._test(item) for item in argument])

    def _or(self, argument: list[Any]) -> bool:
        return any([self._test(item) for item in argument])

    def _not(self, argument: list[Any]) -> bool:
        return not all([self._test(item) for item in argument])


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Ref": Resolver._get_ref,
    "Fn::Base64": Resolver._base64,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::If": Resolver._if,
    "Fn::Join": Resolver._join,
    "Fn::Length": Resolver._length,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::Sub": Resolver._sub,
    "Fn::ToJsonString": Resolver._json,
}
_CONDITIONS: dict[str, Callable[[Resolver, list[Any]], bool]] = {
    "Fn::And": Resolver._and,
    "Fn::Equals": Resolver._equals,
    "Fn::Not": Resolver._not,
    "Fn::Or": Resolver._or,
}


def substitute(text: str, values: dict[str, str]) -> tuple[str, list[str]]:
    """`${Name}` of DefinitionSubstitutions in a definition, word for word; also the names that have no value."""
    missing: list[str] = []

    def one(match: re.Match[str]) -> str:
        if match[1] or not match[2].isidentifier():
            return match[0]
        if match[2] not in values:
            missing.append(match[2])
            return match[0]
        return values[match[2]]

    return _PLACEHOLDER.sub(one, text), sorted(set(missing))


def _comparable(value: Any) -> Any:
    return _text(value) if isinstance(value, bool | int | float) else value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    raise Unresolvable("a text is wanted here, not an object or nothing")
