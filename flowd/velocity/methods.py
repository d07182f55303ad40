"""The methods that values of a template have: those of Java's String, List, Map and Number that templates use. Pure.

They are tables; nothing else of a value can be reached. What takes a regular expression is in `matching`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from flowd.patterns import Patience, PatternError
from flowd.velocity import matching
from flowd.velocity.nodes import LONGEST, MOST, Broken

Table = dict[str, Callable[..., Any]]


class Given(dict[str, Any]):
    """An object of a request or an answer: what it does not have reads as an empty text, as it does in API Gateway."""


def given(value: Any) -> Any:
    """A JSON value as templates see it; a copy, since templates may change what they hold."""
    if isinstance(value, dict):
        return Given((key, given(member)) for key, member in value.items())
    return [given(item) for item in value] if isinstance(value, list) else value


def member(value: Any, name: Any) -> Any:
    """`$value.name`: a member of a map, else what Java's getter of that name gives; None if there is none."""
    if isinstance(value, dict):
        return entry(value, name)
    if name == "empty" and isinstance(value, str | list):
        return not value
    return None


def entry(value: dict[Any, Any], key: Any) -> Any:
    found = value.get(key)
    return "" if found is None and isinstance(value, Given) else found


def call(value: Any, name: str, arguments: list[Any], patience: Patience) -> Any:
    """`$value.name(...)`. Raises Broken; nothing has no methods, and a call of one is nothing."""
    if value is None:
        return None
    method = _table(value).get(name)
    if isinstance(value, str) and name in matching.METHODS:
        method = partial(matching.METHODS[name], patience)
    if method is None:
        raise Broken(f"{_kind(value)} has no method {name}()")
    try:
        return method(value, *arguments)
    except PatternError as error:
        raise Broken(f"{name}() of {_kind(value)}: the pattern {shown(arguments[0])[:100]!r}: {error}") from None
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise Broken(f"{name}() of {_kind(value)} cannot be called so: {error}") from None


def _kind(value: Any) -> str:
    for kind, name in ((bool, "a truth value"), (str, "a text"), (int | float, "a number"), (dict, "a map")):
        if isinstance(value, kind):
            return name
    return "a list" if isinstance(value, list) else "this"


def _table(value: Any) -> Table:
    if isinstance(value, bool):
        return _ANY
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int | float):
        return _NUMBER
    return _MAP if isinstance(value, dict) else _LIST if isinstance(value, list) else {}


def shown(value: Any) -> str:
    """A value as Java's toString has it: `{a=1, b=[x, y]}`. Raises Broken beyond the largest text."""
    if isinstance(value, str):
        return value
    parts: list[str] = []
    _show(value, parts, [LONGEST])
    return "".join(parts)


def _show(value: Any, parts: list[str], left: list[int]) -> None:
    """Appends to `parts`, as long as there is room: what a value holds many times is written as often."""
    if isinstance(value, dict | list):
        parts.append("{" if isinstance(value, dict) else "[")
        for number, item in enumerate(value):
            parts.append(", " if number else "")
            if isinstance(value, dict):
                parts.append(f"{shown(item)}=")
                item = value[item]
            _show(item, parts, left)
        text = "}" if isinstance(value, dict) else "]"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = "null" if value is None else _plain(value)
    left[0] -= len(text) + 16
    if left[0] < 0:
        raise Broken(f"a text of more than {LONGEST:,} characters")
    parts.append(text)


def _plain(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # a number of more digits than Python writes
        raise Broken("a number has too many digits to be written") from None


# -- texts ---------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is wanted")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number is wanted")
    return value


def _substring(text: str, first: Any, end: Any = None) -> str:
    stop = len(text) if end is None else _whole(end)
    if not 0 <= _whole(first) <= stop <= len(text):
        raise IndexError(f"from {first} to {stop} of {len(text)} characters")
    return text[first:stop]


def _replace(text: str, old: Any, new: Any) -> str:
    """All of them; given up where the text would grow beyond the largest one."""
    sought, made = _text(old), _text(new)
    if len(text) + text.count(sought) * (len(made) - len(sought)) > LONGEST:
        raise Broken(f"a text of more than {LONGEST:,} characters")
    return text.replace(sought, made)


def _char(text: str, index: Any) -> str:
    if not 0 <= _whole(index) < len(text):
        raise IndexError(f"{index} of {len(text)} characters")
    return text[index]


_ANY: Final[Table] = {
    "equals": lambda value, other: type(value) is type(other) and equal(value, other),
    "toString": shown,
}
_TEXT: Final[Table] = {
    **_ANY,
    "charAt": _char,
    "compareTo": lambda text, other: (text > _text(other)) - (text < other),
    "concat": lambda text, other: text + _text(other),
    "contains": lambda text, other: _text(other) in text,
    "endsWith": lambda text, other: text.endswith(_text(other)),
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.lower() == other.lower(),
    "indexOf": lambda text, other, begin=0: text.find(_text(other), _whole(begin)),
    "isEmpty": lambda text: not text,
    "lastIndexOf": lambda text, other: text.rfind(_text(other)),
    "length": len,
    "replace": _replace,
    "startsWith": lambda text, other, begin=0: text.startswith(_text(other), _whole(begin)),
    "substring": _substring,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}


# -- numbers, lists, maps ------------------------------------------------------------


def _parse(value: Any, text: Any) -> int:
    """`Integer.parseInt`, which templates reach through any whole number."""
    return int(_text(text))


_NUMBER: Final[Table] = {
    **_ANY,
    "compareTo": lambda value, other: (value > other) - (value < other),
    "doubleValue": float,
    "intValue": int,
    "longValue": int,
    "parseInt": _parse,
}


def _add_all(items: list[Any], more: list[Any]) -> bool:
    if len(items) + len(more) > MOST:
        raise ValueError(f"a list has {MOST:,} entries at most")
    items.extend(list(more))
    return bool(more)


def _add(items: list[Any], *given: Any) -> bool:
    if len(given) == 2:
        items.insert(_whole(given[0]), given[1])
    else:
        items.append(*given)
    return True


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same. Raises Broken for values that hold others so often that nobody could tell."""
    return _equal(left, right, [MOST])


def _place(items: list[Any], value: Any) -> int:
    """The first entry that is `value`, -1 without one."""
    left = [MOST]
    return next((number for number, item in enumerate(items) if _equal(item, value, left)), -1)


def _equal(one: Any, other: Any, left: list[int]) -> bool:
    left[0] -= 1
    if left[0] < 0:
        raise Broken(f"more than {MOST:,} values to compare")
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_equal(*pair, left) for pair in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key], left) for key in one)
    return bool(one == other)


def _at(items: list[Any], index: Any) -> Any:
    if not 0 <= _whole(index) < len(items):
        raise IndexError(f"{index} of {len(items)} entries")
    return items[index]


def _set(items: list[Any], index: Any, value: Any) -> Any:
    before = _at(items, index)
    items[index] = value
    return before


def _remove(items: list[Any], which: Any) -> Any:
    if isinstance(which, int) and not isinstance(which, bool):
        _at(items, which)
        return items.pop(which)
    place = _place(items, which)
    if place >= 0:
        items.pop(place)
    return place >= 0


_LIST: Final[Table] = {
    **_ANY,
    "add": _add,
    "addAll": _add_all,
    "contains": lambda items, value: _place(items, value) >= 0,
    "get": _at,
    "indexOf": lambda items, value: _place(items, value),
    "isEmpty": lambda items: not items,
    "remove": _remove,
    "set": _set,
    "size": len,
    "subList": lambda items, first, end: items[_whole(first) : _whole(end)],
}


def _put(items: dict[Any, Any], key: Any, value: Any) -> Any:
    before = items.get(key)
    items[key] = value
    return before


def _entries(items: dict[Any, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in items.items()]


_MAP: Final[Table] = {
    **_ANY,
    "containsKey": lambda items, key: key in items,
    "containsValue": lambda items, value: _place(list(items.values()), value) >= 0,
    "entrySet": _entries,
    "get": entry,
    "getKey": lambda items: items["key"],  # of an entry
    "getOrDefault": lambda items, key, other: items.get(key, other),
    "getValue": lambda items: items["value"],
    "isEmpty": lambda items: not items,
    "keySet": list,
    "put": _put,
    "putAll": lambda items, more: items.update(more),
    "remove": lambda items, key: items.pop(key, None),
    "size": len,
    "values": lambda items: list(items.values()),
}
#: Every method that some value has.
NAMES: Final = frozenset({*matching.METHODS, *_TEXT, *_NUMBER, *_LIST, *_MAP})
