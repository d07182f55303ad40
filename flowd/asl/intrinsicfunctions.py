"""What the 18 intrinsic functions do, one small function each, and the table of them.

Each takes the entropy of the step and its arguments' values and returns a JSON value or raises IntrinsicFailure. The
rules are those of the developer guide's page "Intrinsic functions"; where recordings decide, their names are given.
"Measured" is what another emulator's public suite, run on AWS too, says that AWS does.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn

from flowd.asl.javarandom import JavaRandom
from flowd.entropy import Entropy
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, dumps, loads

MAX_TEXT: Final = 10_000  # characters of Base64Encode, Base64Decode, Hash
MAX_RANGE: Final = 1_000
MIN_INT: Final = -(1 << 31)
MAX_INT: Final = (1 << 31) - 1
_MANY: Final = 1 << 30
_NO_BASE64: Final = re.compile("[^A-Za-z0-9+/]")
_HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class IntrinsicFailure(FlowdError):
    """An intrinsic function failed at run time: States.IntrinsicFailure, with this message in its cause."""


class Template(NamedTuple):
    """A text literal: its pieces between the `{}` that are to be filled, and the text as other functions see it."""

    pieces: tuple[str, ...]
    plain: str

    @property
    def slots(self) -> int:
        return len(self.pieces) - 1


def _fail(name: str, message: str) -> NoReturn:
    raise IntrinsicFailure(f"Invalid arguments in States.{name}: {message}")


def _array(name: str, value: Any) -> list[Any]:
    if type(value) is not list:
        _fail(name, f"an array was expected, but found {dumps(value)[:100]}")
    return value


def _string(name: str, value: Any) -> str:
    if type(value) is not str:
        _fail(name, f"a string was expected, but found {dumps(value)[:100]}")
    return value


def _short(name: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        _fail(name, f"the text is longer than {MAX_TEXT} characters")
    return text


def _rounded(name: str, value: Any) -> int:
    """An int; a fraction is rounded, halves upwards, as recorded [test_math_add]: -1.5 is -1, 2.5 is 3."""
    if type(value) is int:
        return value
    if type(value) is not float or not math.isfinite(value):
        _fail(name, f"a number was expected, but found {dumps(value)[:100]}")
    rounded: int = math.floor(value + 0.5)
    return rounded


def _whole(name: str, value: Any) -> int:
    """An int; the fraction of another number is cut off: the guide says that it is rounded, measured is this."""
    if type(value) is int:
        return value
    if type(value) is not float or not math.isfinite(value):
        _fail(name, f"a number was expected, but found {dumps(value)[:100]}")
    return int(value)


def _int32(name: str, number: int) -> int:
    if not MIN_INT <= number <= MAX_INT:
        _fail(name, f"{number} is not between {MIN_INT} and {MAX_INT}")
    return number


def format_text(entropy: Entropy, template: Any, *values: Any) -> str:
    if not isinstance(template, Template):
        text = _string("Format", template)
        template = Template(tuple(text.split("{}")), text)
    if template.slots != len(values):
        _fail("Format", f"the text has {template.slots} {{}} for {len(values)} values")
    pieces = [template.pieces[0]]
    for value, piece in zip(values, template.pieces[1:], strict=True):
        pieces += (printed(value), piece)
    return "".join(pieces)


def printed(value: Any) -> str:
    """A value in a text: strings as they are, objects and arrays as Java prints maps and lists, `{Arg1=1, Arg2=[]}`
    (recorded in test_context_json_path)."""
    if type(value) is str:
        return value
    if type(value) is dict:
        return "{" + ", ".join(f"{name}={printed(member)}" for name, member in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(printed, value)) + "]"
    return dumps(value)


def string_to_json(entropy: Entropy, text: Any) -> Any:
    if not _string("StringToJson", text).strip():
        return None  # recorded for ""
    try:
        return loads(text)
    except InvalidJson as error:
        _fail("StringToJson", f"{text[:100]!r} is not valid JSON: {error}")


def json_to_string(entropy: Entropy, value: Any) -> str:
    return dumps(value)


def array(entropy: Entropy, *values: Any) -> list[Any]:
    return list(values)


def array_partition(entropy: Entropy, items: Any, size: Any) -> list[list[Any]]:
    items, step = _array("ArrayPartition", items), _whole("ArrayPartition", size)
    if step < 1:
        _fail("ArrayPartition", f"the chunk size must be positive, but is {step}")
    return [items[at : at + step] for at in range(0, len(items), step)]


def array_contains(entropy: Entropy, items: Any, value: Any) -> bool:
    """Measured: as texts, so that "true" is in it for true, and an object with its members in another order is not."""
    wanted = _text(value)
    return any(_text(item) == wanted or same_number(item, value) for item in _array("ArrayContains", items))


def _text(value: Any) -> str:
    return value if type(value) is str else dumps(value)


def same_number(left: Any, right: Any) -> bool:
    """True for 1 and 1.0."""
    return type(left) in (int, float) and type(right) in (int, float) and bool(left == right)


def array_range(entropy: Entropy, first: Any, last: Any, step: Any) -> list[int]:
    begin, end, by = (_whole("ArrayRange", value) for value in (first, last, step))
    if by == 0:
        _fail("ArrayRange", "the step must not be 0")
    if (end - begin) // by >= MAX_RANGE:
        _fail("ArrayRange", f"the range has more than {MAX_RANGE} elements")
    return list(range(begin, end + (1 if by > 0 else -1), by))


def array_get_item(entropy: Entropy, items: Any, index: Any) -> Any:
    items, at = _array("ArrayGetItem", items), _whole("ArrayGetItem", index)
    if not items and at >= 0:
        return None  # measured
    if not 0 <= at < len(items):
        _fail("ArrayGetItem", f"index {at} is out of bounds for length {len(items)}")
    return items[at]


def array_length(entropy: Entropy, items: Any) -> int:
    return len(_array("ArrayLength", items))


def array_unique(entropy: Entropy, items: Any) -> list[Any]:
    first: dict[Any, Any] = {}
    for item in _array("ArrayUnique", items):
        first.setdefault(_key(item), item)
    return list(first.values())


def _key(value: Any) -> Any:
    """Something hashable that is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if type(value) is dict:
        return frozenset((name, _key(member)) for name, member in value.items())
    if type(value) is list:
        return tuple(map(_key, value))
    return (type(value) is bool, value)


def base64_encode(entropy: Entropy, text: Any) -> str:
    return base64.b64encode(_short("Base64Encode", _string("Base64Encode", text)).encode()).decode()


def base64_decode(entropy: Entropy, text: Any) -> str:
    """Measured: what is no Base64 is passed over, and text ends at the first `=`."""
    coded = _NO_BASE64.sub("", _short("Base64Decode", _string("Base64Decode", text)).partition("=")[0])
    whole = coded[:-1] if len(coded) % 4 == 1 else coded
    return base64.b64decode(whole + "=" * (-len(whole) % 4)).decode(errors="replace")


def hash_value(entropy: Entropy, value: Any, algorithm: Any) -> str:
    text = _short("Hash", _text(value))
    if type(algorithm) is not str or algorithm not in _HASHES:
        _fail("Hash", f"the algorithm must be one of {', '.join(_HASHES)}")
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def json_merge(entropy: Entropy, first: Any, second: Any, deep: Any) -> dict[str, Any]:
    if type(first) is not dict or type(second) is not dict:
        _fail("JsonMerge", "two objects were expected")
    if deep is True:  # anything else is taken for false (measured)
        _fail("JsonMerge", "only shallow merging is supported: the third argument must be false")
    return {**first, **second}


def math_random(entropy: Entropy, first: Any, last: Any, seed: Any = None) -> int:
    """From `first` up to, not including, `last`. A seed gives Java's number, as AWS's JSONata $random does."""
    begin, end = (_int32("MathRandom", _whole("MathRandom", value)) for value in (first, last))
    if end <= begin:
        _fail("MathRandom", f"the end {end} must be greater than the start {begin}")
    if seed is None:
        return begin + entropy.integer(end - begin)
    return begin + JavaRandom(_whole("MathRandom", seed)).integer(end - begin)


def math_add(entropy: Entropy, first: Any, second: Any) -> int:
    """The sum too must be an int of 32 bits (measured)."""
    return _int32("MathAdd", sum(_int32("MathAdd", _rounded("MathAdd", value)) for value in (first, second)))


def string_split(entropy: Entropy, text: Any, delimiters: Any) -> list[str]:
    """Every character of `delimiters` splits, and empty pieces are dropped [test_string_split]."""
    text, delimiters = _string("StringSplit", text), _string("StringSplit", delimiters)
    if delimiters:
        text = text.translate(dict.fromkeys(map(ord, delimiters), delimiters[0]))
        return [piece for piece in text.split(delimiters[0]) if piece]
    return [text] if text else []


def uuid(entropy: Entropy) -> str:
    return entropy.uuid4()


class Function(NamedTuple):
    function: Callable[..., Any]
    least: int  # arguments
    most: int


FUNCTIONS: Final = {
    "Format": Function(format_text, 1, _MANY),
    "StringToJson": Function(string_to_json, 1, 1),
    "JsonToString": Function(json_to_string, 1, 1),
    "Array": Function(array, 0, _MANY),
    "ArrayPartition": Function(array_partition, 2, 2),
    "ArrayContains": Function(array_contains, 2, 2),
    "ArrayRange": Function(array_range, 3, 3),
    "ArrayGetItem": Function(array_get_item, 2, 2),
    "ArrayLength": Function(array_length, 1, 1),
    "ArrayUnique": Function(array_unique, 1, 1),
    "Base64Encode": Function(base64_encode, 1, 1),
    "Base64Decode": Function(base64_decode, 1, 1),
    "Hash": Function(hash_value, 2, 2),
    "JsonMerge": Function(json_merge, 3, 3),
    "MathRandom": Function(math_random, 2, 3),
    "MathAdd": Function(math_add, 2, 2),
    "StringSplit": Function(string_split, 2, 2),
    "UUID": Function(uuid, 0, 0),
}
